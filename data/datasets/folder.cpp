#include <algorithm>
#include <cctype>

#include "data/files.h"
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
  std::error_code error;
  std::string tried;
  for (const std::string& name : names) {
    if (fs::is_directory(folder / name, error)) return folder / name;
    tried += (tried.empty() ? "" : ", ") + name;
  }
  engine::fail(folder.string(), ": holds no folder of these names: ", tried);
}

std::vector<std::string> class_folders(const fs::path& split) {
  std::vector<std::string> names;
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(split, error)) {
    if (entry.is_directory(error)) names.push_back(entry.path().filename().string());
  }
  std::sort(names.begin(), names.end());
  ENSURE(names.size() >= 2, split.string(), ": has ", names.size(), " class folders; two at least are needed");
  return names;
}

}  // namespace

Dataset folder(Split split, const DatasetOptions& options) {
  const fs::path root = given_folder("folder", "train and val", options.folder);
  const fs::path train = find_split(root, {"train", "training"});
  const fs::path wanted =
      split == Split::train ? train : find_split(root, {"val", "validation", "valid", "eval", "test", "testing"});
  const std::vector<std::string> classes = class_folders(train);

  std::vector<fs::path> files;
  std::vector<int> labels;
  for (const std::string& name : class_folders(wanted)) {
    const auto found = std::lower_bound(classes.begin(), classes.end(), name);
    ENSURE(found != classes.end() && *found == name, (wanted / name).string(), ": class '", name, "' is not in ",
           train.string());
    std::vector<fs::path> pictures;
    std::error_code error;
    fs::recursive_directory_iterator entries(wanted / name, error);
    ENSURE(!error, (wanted / name).string(), ": ", error.message());
    for (const fs::directory_entry& entry : entries) {
      if (is_picture(entry.path())) pictures.push_back(entry.path());
    }
    ENSURE(!pictures.empty(), (wanted / name).string(), ": has no images (.jpg, .jpeg, .png)");
    std::sort(pictures.begin(), pictures.end());
    files.insert(files.end(), pictures.begin(), pictures.end());
    labels.insert(labels.end(), pictures.size(), static_cast<int>(found - classes.begin()));
  }
  return photographs("folder", std::move(files), std::move(labels), classes, options);
}

}  // namespace data
