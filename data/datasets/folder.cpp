#include <algorithm>
#include <cctype>

#include "data/files.h"
#include "data/photographs.h"
#include "engine/error.h"

// Pictures in folders by class, as ImageNet-1k is usually unpacked: train/<class>/... and val/<class>/.... The classes
// are the folders in train, in alphabetical order.
namespace data {
namespace {

namespace fs = std::filesystem;

bool is_picture(const fs::path& path) {
  std::string ending = path.extension().string();
  std::transform(ending.begin(), ending.end(), ending.begin(), [](unsigned char c) { return std::tolower(c); });
  return ending == ".jpg" || ending == ".jpeg" || ending == ".png";
}

/// The first of the names that is a folder there; an Error where none is.
fs::path find_split(const fs::path& folder, const std::vector<std::string>& names) {
  const std::vector<std::string> folders = list_folders(folder);
  std::string tried;
  for (const std::string& name : names) {
    if (std::find(folders.begin(), folders.end(), name) != folders.end()) return folder / name;
    tried += (tried.empty() ? "" : ", ") + name;
  }
  engine::fail(folder.string(), ": holds no folder of these names: ", tried);
}

/// Every picture in a folder and the folders inside it, sorted.
std::vector<fs::path> find_pictures(const fs::path& folder) {
  std::vector<fs::path> pictures;
  for (const std::string& name : list_files(folder)) {
    if (is_picture(name)) pictures.push_back(folder / name);
  }
  for (const std::string& name : list_folders(folder)) {
    const std::vector<fs::path> inside = find_pictures(folder / name);
    pictures.insert(pictures.end(), inside.begin(), inside.end());
  }
  return pictures;
}

}  // namespace

Dataset folder(Split split, const DatasetOptions& options) {
  const fs::path root = given_folder("folder", "train and val", options.folder);
  const fs::path train = find_split(root, {"train", "training"});
  const fs::path wanted =
      split == Split::train ? train : find_split(root, {"val", "validation", "valid", "eval", "test", "testing"});
  const std::vector<std::string> classes = list_folders(train);
  ENSURE(classes.size() >= 2, train.string(), ": has ", classes.size(), " class folders; two at least are needed");

  std::vector<fs::path> files;
  std::vector<int> labels;
  for (const std::string& name : list_folders(wanted)) {
    const auto found = std::lower_bound(classes.begin(), classes.end(), name);
    ENSURE(found != classes.end() && *found == name, (wanted / name).string(), ": class '", name, "' is not in ",
           train.string());
    const std::vector<fs::path> pictures = find_pictures(wanted / name);
    ENSURE(!pictures.empty(), (wanted / name).string(), ": has no images (.jpg, .jpeg, .png)");
    files.insert(files.end(), pictures.begin(), pictures.end());
    labels.insert(labels.end(), pictures.size(), static_cast<int>(found - classes.begin()));
  }
  return photographs("folder", std::move(files), std::move(labels), classes, options);
}

}  // namespace data
