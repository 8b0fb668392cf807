#include <algorithm>
#include <map>

#include "data/files.h"
#include "data/photographs.h"
#include "engine/error.h"

// Tiny-ImageNet-200 (Le, Yang, 2015) as its archive unpacks: 200 classes of 64x64 JPEGs. wnids.txt lists their ids,
// words.txt names them, train/<id>/images holds the training files, and val/images all validation files, whose classes
// are in val/val_annotations.txt. The published test files have no labels.
namespace data {
namespace {

namespace fs = std::filesystem;

constexpr int64_t size = 64;

/// What stands before and after the first tab of a line.
std::pair<std::string, std::string> split_at_tab(const std::string& line) {
  const size_t tab = std::min(line.find('\t'), line.size());
  return {line.substr(0, tab), line.substr(std::min(tab + 1, line.size()))};
}

/// The first of the names that words.txt gives a class, or its id.
std::vector<std::string> class_names(const fs::path& folder, const std::vector<std::string>& ids) {
  std::map<std::string, std::string> words;
  std::error_code error;
  if (fs::exists(folder / "words.txt", error)) {
    for (const std::string& line : read_lines(folder / "words.txt")) {
      const auto [id, names] = split_at_tab(line);
      words[id] = names.substr(0, names.find(','));
    }
  }
  std::vector<std::string> names;
  for (const std::string& id : ids) names.push_back(words.contains(id) ? words[id] : id);
  return names;
}

}  // namespace

Dataset tiny_imagenet(Split split, const DatasetOptions& options) {
  const fs::path folder = find_folder("tiny-imagenet", "tiny-imagenet-200", options.folder);
  std::vector<std::string> ids = read_lines(folder / "wnids.txt");
  std::sort(ids.begin(), ids.end());  // the order of the folders, and so of the labels that others give them
  ENSURE(!ids.empty() && std::adjacent_find(ids.begin(), ids.end()) == ids.end(), (folder / "wnids.txt").string(),
         ": no ids, or one of them twice");

  std::vector<fs::path> files;
  std::vector<int> labels;
  if (split == Split::train) {
    for (const std::string& id : list_folders(folder / "train")) {
      ENSURE(std::binary_search(ids.begin(), ids.end(), id), (folder / "train" / id).string(), ": class '", id,
             "' is not in wnids.txt");
    }
    for (size_t label = 0; label < ids.size(); ++label) {
      const fs::path images = folder / "train" / ids[label] / "images";
      const std::vector<std::string> names = list_files(images);
      ENSURE(!names.empty(), images.string(), ": has no images");
      for (const std::string& name : names) {
        files.push_back(images / name);
        labels.push_back(static_cast<int>(label));
      }
    }
  } else {
    const fs::path annotations = folder / "val" / "val_annotations.txt", images = folder / "val" / "images";
    std::map<std::string, int> label_of;
    for (const std::string& line : read_lines(annotations)) {
      const auto [file, rest] = split_at_tab(line);
      const std::string id = split_at_tab(rest).first;
      const auto found = std::lower_bound(ids.begin(), ids.end(), id);
      ENSURE(found != ids.end() && *found == id, annotations.string(), ": class '", id, "' of ", file,
             " is not in wnids.txt");
      ENSURE(label_of.emplace(file, static_cast<int>(found - ids.begin())).second, annotations.string(), ": ", file,
             " is there twice");
    }
    for (const std::string& name : list_files(images)) {
      ENSURE(label_of.contains(name), (images / name).string(), ": is not in ", annotations.string());
    }
    for (const auto& [name, label] : label_of) {  // one that is not there is found when it is read
      files.push_back(images / name);
      labels.push_back(label);
    }
  }

  Dataset dataset;
  dataset.name = "tiny-imagenet";
  dataset.size = size;
  append_images(files, labels, size, options.skip_bad_images, dataset);
  dataset.classes = class_names(folder, ids);
  dataset.normalization = imagenet_normalization;
  dataset.augmentation = {.pad = 4, .border = Border::zero, .flip = true};
  return dataset;
}

}  // namespace data
