#include "data/files.h"
#include "data/matlab.h"
#include "data/photographs.h"
#include "engine/error.h"

// Stanford-Cars (Krause et al., 2013) in either of its published layouts, both annotated in MATLAB files:
//   cars_annos.mat for the photographs in car_ims/, or
//   devkit/cars_train_annos.mat for cars_train/, cars_test_annos_withlabels.mat (there or in devkit/) for cars_test/,
//   and devkit/cars_meta.mat with the names of the classes.
namespace data {
namespace {

namespace fs = std::filesystem;

/// Adds the image of an annotation, whose class counts from 1.
void add(const fs::path& list, const fs::path& images, const MatlabRow& row, const char* name_field, size_t classes,
         std::vector<fs::path>& files, std::vector<int>& labels) {
  const auto name = row.text.find(name_field);
  const auto label = row.numbers.find("class");
  ENSURE(name != row.text.end() && label != row.numbers.end(), list.string(), ": annotation ", files.size() + 1,
         " has no '", name_field, "' or no 'class'");
  ENSURE(label->second >= 1 && label->second <= static_cast<double>(classes), list.string(), ": class ", label->second,
         " of ", name->second, " is not from 1 to ", classes);
  files.push_back(images / name->second);
  labels.push_back(static_cast<int>(label->second) - 1);
}

}  // namespace

Dataset cars(Split split, const DatasetOptions& options) {
  const fs::path folder = find_folder("cars", "stanford_cars", options.folder);
  const bool train = split == Split::train;
  std::error_code error;
  std::vector<std::string> classes;
  std::vector<fs::path> files;
  std::vector<int> labels;
  if (const fs::path list = folder / "cars_annos.mat"; fs::exists(list, error)) {
    classes = read_matlab_texts(list, "class_names");
    for (const MatlabRow& row : read_matlab_structs(list, "annotations")) {
      const auto test = row.numbers.find("test");
      ENSURE(test != row.numbers.end(), list.string(), ": an annotation has no 'test'");
      if ((test->second == 0) == train) {
        add(list, folder, row, "relative_im_path", classes.size(), files, labels);
      }
    }
  } else {
    classes = read_matlab_texts(folder / "devkit" / "cars_meta.mat", "class_names");
    fs::path annotations = folder / "devkit" / "cars_train_annos.mat";
    if (!train) {
      annotations = folder / "cars_test_annos_withlabels.mat";
      if (!fs::exists(annotations, error)) annotations = folder / "devkit" / "cars_test_annos_withlabels.mat";
    }
    for (const MatlabRow& row : read_matlab_structs(annotations, "annotations")) {
      add(annotations, folder / (train ? "cars_train" : "cars_test"), row, "fname", classes.size(), files, labels);
    }
  }
  return photographs("cars", std::move(files), std::move(labels), std::move(classes), options);
}

}  // namespace data
