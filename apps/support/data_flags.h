#pragma once

#include <optional>
#include <string>
#include <vector>

#include "apps/support/command_line.h"
#include "data/dataset.h"

namespace apps {

/// How training pictures are seen, where it is not as is customary for the data set.
struct AugmentationFlags {
  std::optional<data::Cropping> crop;
  std::optional<double> pad, smallest;
  std::optional<data::Border> border;
  std::optional<data::Filter> filter;
  bool flip = true;
};

/// Which pictures, where they are, and how they are seen.
struct DataFlags {
  std::string dataset = "shapes", folder;
  bool download = false;
  std::string url;  // to download from; empty: the publisher's
  data::DatasetOptions options = {};
  std::optional<double> shorter_side;  // of photographs; unset: 8/7 of their size, as 256 is of 224
  double label_fraction = 1;
  uint64_t label_seed = 0;
  AugmentationFlags augmentation = {};
};

/// Adds --dataset, one of `names`, and the flags that say where its files are and what is made of them.
void add_data_flags(CommandLine& line, DataFlags& flags, const std::vector<std::string>& names);

/// Adds the flags of training pictures alone: how many of them, and how they are seen.
void add_training_data_flags(CommandLine& line, DataFlags& flags);

/// Loads a part of the data set, downloaded first where that is wanted.
data::Dataset load(const DataFlags& flags, data::Split split);

/// Loads the training part and fills in what the flags left to the data set.
data::Dataset load_train(DataFlags& flags);

/// Tells on stderr which damaged images were left out.
void tell_skipped(const data::Dataset& set);

}  // namespace apps
