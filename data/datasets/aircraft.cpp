#include <algorithm>

#include "data/files.h"
#include "data/photographs.h"
#include "engine/error.h"

// FGVC-Aircraft (Maji et al., 2013) as its archive unpacks, by its finest classes, the variants: data/variants.txt
// lists them, data/images_variant_<part>.txt has "image variant" lines, and data/images/ the photographs. Trained on
// are the parts train and val together, as in the paper's experiments.
namespace data {

namespace fs = std::filesystem;

Dataset aircraft(Split split, const DatasetOptions& options) {
  const fs::path folder =
      find_folder("aircraft", "data", find_folder("aircraft", "fgvc-aircraft-2013b", options.folder));
  const std::vector<std::string> classes = read_lines(folder / "variants.txt");
  const fs::path list = folder / (split == Split::train ? "images_variant_trainval.txt" : "images_variant_test.txt");
  std::vector<fs::path> files;
  std::vector<int> labels;
  for (const std::string& line : read_lines(list)) {
    const size_t space = std::min(line.find(' '), line.size());
    const std::string image = line.substr(0, space), variant = line.substr(std::min(space + 1, line.size()));
    const auto found = std::find(classes.begin(), classes.end(), variant);
    ENSURE(found != classes.end(), list.string(), ": variant '", variant, "' of image ", image,
           " is not in variants.txt");
    files.push_back(folder / "images" / (image + ".jpg"));
    labels.push_back(static_cast<int>(found - classes.begin()));
  }
  return photographs("aircraft", std::move(files), std::move(labels), classes, options);
}

}  // namespace data
