#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "data/augment.h"

namespace data {

/// Labelled pictures: in memory and all of the size that a network is given, or files of any size that are decoded
/// whenever they are asked for.
struct Dataset {
  std::string name;
  int64_t size = 32;                          // height and width of what a network is given
  std::vector<uint8_t> pixels;                // (n, size, size, 3), red first; empty where there are files
  std::vector<std::filesystem::path> files;   // n, or none
  std::vector<std::array<int64_t, 2>> sizes;  // their heights and widths, if all were decoded to find damaged ones
  std::vector<int> labels;                    // 0 .. classes - 1
  std::vector<std::string> classes;           // their names
  Normalization normalization;
  Augmentation augmentation;         // customary for training on it
  Augmentation view;                 // for testing
  std::vector<std::string> skipped;  // a line for every damaged image that was left out

  int64_t count() const { return static_cast<int64_t>(labels.size()); }

  /// Picture i of those in memory.
  const uint8_t* picture(int64_t i) const { return pixels.data() + i * size * size * 3; }
};

enum class Split { train, test };

/// Where and what to read; a data set takes what concerns it.
struct DatasetOptions {
  std::filesystem::path folder = {};               // of the files, or the one that holds their folder
  bool skip_bad_images = false;                    // leave damaged ones out, where they are files of their own
  int64_t size = 224, shorter_side = 256;          // of files of any size: Dataset.size, Dataset.view.shorter_side
  uint64_t seed = 0;                               // of generated pictures
  int64_t train_count = 10000, test_count = 2000;  // of generated pictures
};

/// Data sets that want like settings.
enum class Family { cifar, tiny_imagenet, imagenet, fine_grained };

struct DatasetEntry {
  const char* name;
  Family family;
  Dataset (*load)(Split split, const DatasetOptions& options);
};

/// Every data set that can be loaded, by name.
const std::vector<DatasetEntry>& datasets();

/// The family of the data set of that name; an Error lists the data sets where there is none such.
Family family_of(const std::string& name);

/// Loads a data set; an Error names the file and what is wrong with it, or a class without pictures, or lists the data
/// sets.
Dataset load_dataset(const std::string& name, Split split, const DatasetOptions& options);

/// Keeps a share of each class, above 0 and at most 1, rounded but at least one picture; which ones follows from the
/// seed.
void keep_fraction(Dataset& dataset, double fraction, uint64_t seed);

// data/datasets/cifar.cpp
Dataset cifar10(Split split, const DatasetOptions& options);
Dataset cifar100(Split split, const DatasetOptions& options);
Dataset cifar100_coarse(Split split, const DatasetOptions& options);

// data/datasets/tiny_imagenet.cpp
Dataset tiny_imagenet(Split split, const DatasetOptions& options);

// data/datasets/folder.cpp
Dataset folder(Split split, const DatasetOptions& options);

// data/datasets/cub200.cpp
Dataset cub200(Split split, const DatasetOptions& options);

// data/datasets/aircraft.cpp
Dataset aircraft(Split split, const DatasetOptions& options);

// data/datasets/cars.cpp
Dataset cars(Split split, const DatasetOptions& options);

// data/datasets/shapes.cpp
Dataset shapes(Split split, const DatasetOptions& options);

}  // namespace data
