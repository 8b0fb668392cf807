#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <functional>

#include "data/loader.h"
#include "engine/error.h"
#include "tests/support/picture_file.h"
#include "tests/support/scratch.h"

// Data sets of files of any size, in the layouts that their publishers ship.

using data::Dataset;
using data::Split;

namespace fs = std::filesystem;

namespace {

/// A folder that a data set is laid out in.
struct Layout {
  support::Scratch scratch{"photographs"};
  const fs::path& path = scratch.path;

  void text(const std::string& name, const std::string& content) const {
    fs::create_directories((path / name).parent_path());
    std::ofstream(path / name, std::ios::binary) << content;
  }
  void picture(const std::string& name, int width = 40, int height = 30) const {
    text(name, (name.ends_with(".png") ? support::png(width, height, 3) : support::jpeg(width, height, 3)).first);
  }
  Dataset load(const std::string& dataset, Split split, bool skip_bad = false) const {
    return data::load_dataset(dataset, split,
                              {.folder = path, .skip_bad_images = skip_bad, .size = 16, .shorter_side = 20});
  }
  std::string error(const std::string& dataset, Split split) const {
    try {
      load(dataset, split);
      return "";
    } catch (const engine::Error& e) {
      return e.what();
    }
  }
};

/// The names of the files, without their folder.
std::vector<std::string> names(const Dataset& dataset) {
  std::vector<std::string> list;
  for (const fs::path& file : dataset.files) list.push_back(file.filename().string());
  return list;
}

using Names = std::vector<std::string>;
using Labels = std::vector<int>;

}  // namespace

TEST_CASE("a folder of class folders is read, by train's order of classes and val's other names") {
  for (const char* val : {"val", "validation", "test"}) {
    Layout layout;
    layout.picture("train/dog/b.JPEG");
    layout.picture("train/dog/deeper/a.png");
    layout.picture("train/cat/c.jpg");
    layout.text("train/cat/.DS_Store", "no picture");
    layout.picture(std::string(val) + "/dog/d.jpg");
    layout.picture(std::string(val) + "/cat/e.jpg");
    const Dataset train = layout.load("folder", Split::train), test = layout.load("folder", Split::test);
    CHECK(train.classes == Names{"cat", "dog"});
    CHECK(names(train) == Names{"c.jpg", "b.JPEG", "a.png"});
    CHECK(train.labels == Labels{0, 1, 1});
    CHECK(names(test) == Names{"e.jpg", "d.jpg"});
    CHECK(test.labels == Labels{0, 1});
    CHECK(train.size == 16);
    CHECK(train.augmentation.crop == data::Cropping::resized);
    CHECK(test.view.shorter_side == 20);
  }
}

TEST_CASE("a folder of class folders that is not whole is refused with what is wrong") {
  const auto refused = [](Split split, const std::string& part, const std::function<void(const Layout&)>& damage) {
    Layout layout;
    for (const char* name : {"train/a/1.jpg", "train/b/2.jpg", "val/a/3.jpg", "val/b/4.jpg"}) layout.picture(name);
    CHECK(layout.error("folder", split) == "");
    damage(layout);
    const std::string error = layout.error("folder", split);
    CHECK_MESSAGE(error.find(part) != std::string::npos, error);
  };
  refused(Split::train, "holds no folder of these names: train, training",
          [](const Layout& l) { fs::rename(l.path / "train", l.path / "trian"); });
  refused(Split::test, "val, validation, valid, eval, test, testing",
          [](const Layout& l) { fs::remove_all(l.path / "val"); });
  refused(Split::train, "train/b: has no images", [](const Layout& l) { fs::remove(l.path / "train/b/2.jpg"); });
  refused(Split::test, "val/b: has no images", [](const Layout& l) { fs::remove(l.path / "val/b/4.jpg"); });
  refused(Split::test, "class 'c' is not in ", [](const Layout& l) { l.picture("val/c/5.jpg"); });
  refused(Split::test, "folder: class 'a' has no test images",
          [](const Layout& l) { fs::remove_all(l.path / "val/a"); });
  refused(Split::train, "has 1 class folders", [](const Layout& l) { fs::remove_all(l.path / "train/b"); });
}

TEST_CASE("CUB-200-2011 is read from its lists") {
  Layout layout;
  const std::string root = "CUB_200_2011/";
  layout.text(root + "classes.txt", "1 001.Black_footed_Albatross\n2 002.Laysan_Albatross\n");
  layout.text(root + "images.txt", "1 001.B/x_1.jpg\n2 001.B/x_2.jpg\n3 002.L/y_1.jpg\n4 002.L/y_2.jpg\n");
  layout.text(root + "image_class_labels.txt", "1 1\n2 1\n3 2\n4 2\n");
  layout.text(root + "train_test_split.txt", "1 1\n2 0\n3 0\n4 1\n");
  for (const char* name : {"001.B/x_1.jpg", "001.B/x_2.jpg", "002.L/y_1.jpg", "002.L/y_2.jpg"}) {
    layout.picture(root + "images/" + name);
  }
  const Dataset train = layout.load("cub200", Split::train), test = layout.load("cub200", Split::test);
  CHECK(train.classes == Names{"Black_footed_Albatross", "Laysan_Albatross"});
  CHECK(names(train) == Names{"x_1.jpg", "y_2.jpg"});
  CHECK(train.labels == Labels{0, 1});
  CHECK(names(test) == Names{"x_2.jpg", "y_1.jpg"});

  layout.text(root + "train_test_split.txt", "1 1\n2 0\n3 0\n");
  CHECK(layout.error("cub200", Split::train).find("image 4 has no class or is in no part") != std::string::npos);
  layout.text(root + "train_test_split.txt", "1 1\n1 0\n");
  CHECK(layout.error("cub200", Split::train).find("train_test_split.txt: 1 is there twice") != std::string::npos);
  layout.text(root + "train_test_split.txt", "1 1\n2 0\n3 7\n4 1\n");
  CHECK(layout.error("cub200", Split::train).find("image 3 has '7', not 0 or 1") != std::string::npos);
  layout.text(root + "train_test_split.txt", "1 1\n2 0\n3 0\n4 1\n");
  layout.text(root + "image_class_labels.txt", "1 1\n2 1\n3 3\n4 2\n");
  CHECK(layout.error("cub200", Split::train).find("class 3 of image 3 is not in classes.txt") != std::string::npos);
  layout.text(root + "image_class_labels.txt", "1 1\n2 1\n3 1\n4 1\n");
  CHECK(layout.error("cub200", Split::train) == "cub200: class 'Laysan_Albatross' has no training images");
  layout.text(root + "image_class_labels.txt", "1 1\n2 1\n3 2\n4 2\n");
  fs::remove(layout.path / root / "images/002.L/y_2.jpg");
  CHECK(layout.error("cub200", Split::train).find("y_2.jpg: is not there") != std::string::npos);
}

TEST_CASE("FGVC-Aircraft is read by variants, whose names may hold spaces") {
  Layout layout;
  const std::string root = "fgvc-aircraft-2013b/data/";
  layout.text(root + "variants.txt", "707-320\nCessna 172\n");
  layout.text(root + "images_variant_trainval.txt", "0034309 Cessna 172\n0034958 707-320\n");
  layout.text(root + "images_variant_test.txt", "1514522 707-320\n0747566 Cessna 172\n");
  for (const char* name : {"0034309", "0034958", "1514522", "0747566"}) {
    layout.picture(root + "images/" + name + ".jpg");
  }
  const Dataset train = layout.load("aircraft", Split::train), test = layout.load("aircraft", Split::test);
  CHECK(train.classes == Names{"707-320", "Cessna 172"});
  CHECK(names(train) == Names{"0034309.jpg", "0034958.jpg"});
  CHECK(train.labels == Labels{1, 0});
  CHECK(test.labels == Labels{0, 1});
  CHECK(data::load_dataset("aircraft", Split::test, {.folder = layout.path / root}).count() == 2);
  layout.text(root + "images_variant_test.txt", "1514522 707-321\n");
  CHECK(layout.error("aircraft", Split::test).find("variant '707-321' of image 1514522 is not in variants.txt") !=
        std::string::npos);
}

TEST_CASE("Stanford-Cars is read in both of its layouts") {
  // The annotations were written by SciPy: tests/recorded/cars.py.
  const fs::path recorded = DEMIX_SOURCE_DIR "/tests/recorded/cars";
  {
    Layout layout;
    fs::copy(recorded / "one/cars_annos.mat", layout.path);
    for (const char* name : {"000001.jpg", "000002.jpg", "000003.jpg"}) layout.picture(std::string("car_ims/") + name);
    const Dataset train = layout.load("cars", Split::train);
    CHECK(train.classes == Names{"AM General Hummer SUV 2000", "Acura RL Sedan 2012"});
    CHECK(names(train) == Names{"000001.jpg", "000002.jpg"});
    CHECK(train.labels == Labels{0, 1});
    CHECK(layout.error("cars", Split::test) == "cars: class 'AM General Hummer SUV 2000' has no test images");

    fs::copy(recorded / "beyond/cars_annos.mat", layout.path, fs::copy_options::overwrite_existing);
    CHECK(layout.error("cars", Split::test).find("class 3 of car_ims/000003.jpg is not from 1 to 2") !=
          std::string::npos);
    layout.text("cars_annos.mat", "no such file");
    CHECK(layout.error("cars", Split::test).find("cars_annos.mat: is not a MATLAB file") != std::string::npos);
  }
  for (const char* place : {"", "devkit"}) {
    Layout layout;
    const fs::path root = layout.path / "stanford_cars", labels = root / place / "cars_test_annos_withlabels.mat";
    fs::create_directories(root);
    fs::copy(recorded / "two/devkit", root / "devkit", fs::copy_options::recursive);
    for (const char* name :
         {"train/00001.jpg", "train/00002.jpg", "test/00001.jpg", "test/00002.jpg", "test/00003.jpg"}) {
      layout.picture(std::string("stanford_cars/cars_") + name);
    }
    CHECK(layout.error("cars", Split::test).find("cars_test_annos_withlabels.mat: is not there") != std::string::npos);
    fs::copy(recorded / "two/cars_test_annos_withlabels.mat", labels);
    CHECK(layout.load("cars", Split::train).labels == Labels{1, 0});
    const Dataset test = layout.load("cars", Split::test);
    CHECK(test.labels == Labels{0, 1, 1});
    CHECK(test.files[0].parent_path().filename() == "cars_test");
  }
}

TEST_CASE("a share of the labels is a share of every class, the same for the same seed") {
  data::Dataset all = data::load_dataset("shapes", Split::train, {.train_count = 400});
  data::Dataset some = all, again = all, other = all;
  keep_fraction(some, 0.15, 1);
  keep_fraction(again, 0.15, 1);
  keep_fraction(other, 0.15, 2);
  CHECK(some.count() == 60);
  std::vector<int> counts(10);
  for (int label : some.labels) ++counts[static_cast<size_t>(label)];
  CHECK(counts == std::vector<int>(10, 6));
  CHECK(some.pixels.size() == 60 * 32 * 32 * 3);
  CHECK((some.pixels == again.pixels));
  CHECK((some.pixels != other.pixels));
  // Every kept picture is one of all, in their order, with its label.
  int64_t at = 0;
  for (int64_t i = 0; i < some.count(); ++i, ++at) {
    while (at < all.count() && !std::equal(some.picture(i), some.picture(i) + 3072, all.picture(at))) ++at;
    REQUIRE(at < all.count());
    CHECK(some.labels[static_cast<size_t>(i)] == all.labels[static_cast<size_t>(at)]);
  }

  data::Dataset files;
  files.classes = {"a", "b"};
  files.files = {"a1", "b1", "a2", "a3", "b2"};
  files.labels = {0, 1, 0, 0, 1};
  keep_fraction(files, 0.01, 3);
  CHECK(files.files.size() == 2);
  CHECK(files.labels.size() == 2);
  for (size_t i = 0; i < 2; ++i) CHECK(files.files[i].string()[0] == (files.labels[i] ? 'b' : 'a'));
  CHECK_THROWS_AS(keep_fraction(files, 0, 3), engine::Error);
}

TEST_CASE("a loader decodes files as they are asked for, and damaged ones can be left out beforehand") {
  Layout layout;
  for (const char* name : {"train/a/1.png", "train/a/2.jpg", "train/b/3.jpg", "val/a/5.jpg", "val/b/6.png"}) {
    layout.picture(name, 40, 24);
  }
  layout.text("train/b/4.jpg", "no picture");
  const Dataset bad = layout.load("folder", Split::train);
  data::Loader loader(bad, {.batch = 4});
  loader.start(0);
  data::Batch batch;
  CHECK_THROWS_WITH(loader.next(batch), (layout.path / "train/b/4.jpg: neither JPEG nor PNG").c_str());

  const Dataset train = layout.load("folder", Split::train, true);
  CHECK(train.sizes == std::vector<std::array<int64_t, 2>>(3, {24, 40}));
  CHECK(names(train) == Names{"1.png", "2.jpg", "3.jpg"});
  CHECK(train.labels == Labels{0, 0, 1});
  REQUIRE(train.skipped.size() == 1);
  CHECK(train.skipped[0].ends_with("4.jpg: neither JPEG nor PNG"));

  const Dataset test = layout.load("folder", Split::test);
  data::Loader in_order(test, {.batch = 2, .train = false});
  in_order.start(0);
  REQUIRE(in_order.next(batch));
  CHECK(batch.images.shape() == engine::Shape{2, 16, 16, 3});
  // 40 x 24 becomes 33 x 20, of which the middle 16 x 16 begins at row 2 and column 8 (8.5, to the even side).
  const data::Image whole =
      data::resize(data::read_image(test.files[1]), {0, 0, 24, 40}, 20, 33, data::Filter::bilinear);
  REQUIRE((whole.width == 33 && whole.height == 20));
  for (int64_t y = 0; y < 16; ++y) {
    for (int64_t i = 0; i < 48; ++i) {
      const float value = batch.images.data()[(16 + y) * 48 + i];
      CHECK(data::denormalize(value, test.normalization, static_cast<int>(i % 3)) ==
            whole.pixels[static_cast<size_t>(((2 + y) * 33 + 8) * 3 + i)]);
    }
  }
  Dataset small = test;
  small.view = {};
  small.size = 30;
  data::Loader refused(small, {.batch = 1, .train = false});
  refused.start(0);
  CHECK_THROWS_WITH(refused.next(batch), "a picture of 40 x 24 pixels is too small to take 30 x 30 from it");
}
