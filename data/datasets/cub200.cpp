#include <map>

#include "data/files.h"
#include "data/photographs.h"
#include "engine/error.h"

// Caltech-UCSD Birds-200-2011 (Wah et al., 2011) as its archive unpacks: four lists whose lines begin with the number
// of an image or class, and the photographs in images/.
namespace data {
namespace {

namespace fs = std::filesystem;

/// A list of "number value" lines.
std::map<std::string, std::string> read_list(const fs::path& path) {
  std::map<std::string, std::string> values;
  for (const std::string& line : read_lines(path)) {
    const std::vector<std::string> words = words_of(line);
    ENSURE(words.size() == 2, path.string(), ": '", line, "' is not a number and a value");
    ENSURE(values.emplace(words[0], words[1]).second, path.string(), ": ", words[0], " is there twice");
  }
  return values;
}

}  // namespace

Dataset cub200(Split split, const DatasetOptions& options) {
  const fs::path folder = find_folder("cub200", "CUB_200_2011", options.folder);
  std::map<std::string, int> label_of;
  std::vector<std::string> classes;
  for (const std::string& line : read_lines(folder / "classes.txt")) {
    const std::vector<std::string> words = words_of(line);
    ENSURE(words.size() == 2, (folder / "classes.txt").string(), ": '", line, "' is not a number and a name");
    ENSURE(label_of.emplace(words[0], static_cast<int>(classes.size())).second, (folder / "classes.txt").string(),
           ": class ", words[0], " is there twice");
    classes.push_back(words[1].substr(words[1].find('.') + 1));  // "001.Black_footed_Albatross"
  }
  const auto class_of = read_list(folder / "image_class_labels.txt"),
             is_train = read_list(folder / "train_test_split.txt");
  std::vector<fs::path> files;
  std::vector<int> labels;
  for (const auto& [number, name] : read_list(folder / "images.txt")) {
    const auto part = is_train.find(number), label = class_of.find(number);
    ENSURE(part != is_train.end() && label != class_of.end(), (folder / "images.txt").string(), ": image ", number,
           " has no class or is in no part: image_class_labels.txt, train_test_split.txt");
    ENSURE(label_of.contains(label->second), (folder / "image_class_labels.txt").string(), ": class ", label->second,
           " of image ", number, " is not in classes.txt");
    ENSURE(part->second == "0" || part->second == "1", (folder / "train_test_split.txt").string(), ": image ", number,
           " has '", part->second, "', not 0 or 1");
    if ((part->second == "1") != (split == Split::train)) continue;
    files.push_back(folder / "images" / name);
    labels.push_back(label_of.at(label->second));
  }
  return photographs("cub200", std::move(files), std::move(labels), std::move(classes), options);
}

}  // namespace data
