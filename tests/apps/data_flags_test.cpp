#include "apps/support/data_flags.h"

#include <doctest/doctest.h>

#include <fstream>

#include "tests/support/picture_file.h"
#include "tests/support/scratch.h"

namespace fs = std::filesystem;

namespace {

/// Twelve photographs in each of two classes.
struct Photographs {
  support::Scratch scratch{"flags"};
  Photographs() {
    for (const char* name : {"train/a", "train/b", "val/a", "val/b"}) {
      fs::create_directories(scratch.path / name);
      for (char letter = 'l'; letter >= 'a'; --letter) {
        std::ofstream(scratch.path / name / (std::string(1, letter) + ".png"), std::ios::binary)
            << support::png(30, 24, 3).first;
      }
    }
  }
  apps::DataFlags flags() const {
    apps::DataFlags flags;
    flags.dataset = "folder";
    flags.folder = scratch.path.string();
    flags.options.size = 16;
    return flags;
  }
};

}  // namespace

TEST_CASE("flags that are not given are as is customary for the data set, and say so afterwards") {
  const Photographs photographs;
  apps::DataFlags flags = photographs.flags();
  const data::Dataset train = load_train(flags);
  CHECK(std::is_sorted(train.files.begin(), train.files.end()));
  CHECK(train.augmentation.crop == data::Cropping::resized);
  CHECK(train.augmentation.shorter_side == 0);
  CHECK(train.view.shorter_side == 18);  // 8/7 of 16
  CHECK(flags.augmentation.crop == data::Cropping::resized);
  CHECK(flags.augmentation.smallest == 0.08);
  CHECK(flags.augmentation.border == data::Border::zero);

  flags = {};
  flags.options.train_count = 20;
  CHECK(load_train(flags).augmentation.border == data::Border::reflect);
  CHECK(flags.augmentation.pad == 2);
}

TEST_CASE("flags that are given are followed, for training and for testing") {
  const Photographs photographs;
  apps::DataFlags flags = photographs.flags();
  flags.augmentation.crop = data::Cropping::pad;
  flags.augmentation.pad = 3;
  flags.augmentation.filter = data::Filter::bicubic;
  flags.augmentation.flip = false;
  flags.shorter_side = 20;
  const data::Dataset train = load_train(flags), test = load(flags, data::Split::test);
  CHECK(train.augmentation.pad == 3);
  CHECK(train.augmentation.shorter_side == 20);  // so that there is a middle to take
  CHECK(train.augmentation.filter == data::Filter::bicubic);
  CHECK_FALSE(train.augmentation.flip);
  CHECK(test.view.shorter_side == 20);
  CHECK(test.view.filter == data::Filter::bicubic);

  flags.label_fraction = 0.25;
  const auto files = load_train(flags).files;
  CHECK(files.size() == 6);
  CHECK(load_train(flags).files == files);
  flags.label_seed = 1;
  CHECK(load_train(flags).files != files);
}
