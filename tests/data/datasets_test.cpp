#include <doctest/doctest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <numeric>
#include <set>

#include "data/dataset.h"
#include "engine/error.h"
#include "engine/parallel.h"
#include "tests/support/picture_file.h"
#include "tests/support/scratch.h"

using data::Dataset;
using data::Split;

namespace fs = std::filesystem;

namespace {

/// A CIFAR folder with files of made-up records: byte b of record r is a known function of both.
struct CifarFolder {
  support::Scratch scratch{"cifar"};
  const fs::path& path = scratch.path;
  explicit CifarFolder(const std::string& inner) { fs::create_directories(path / inner); }

  static uint8_t pixel(size_t record, size_t byte) {
    return static_cast<uint8_t>(record * 7 + byte * 13 + byte / 1024);
  }

  void write(const std::string& file, size_t records, size_t label_bytes, int classes) const {
    std::string bytes;
    bytes.reserve(records * (label_bytes + 3072));
    for (size_t r = 0; r < records; ++r) {
      if (label_bytes == 2) bytes.push_back(static_cast<char>(r % 20));  // the coarse label
      bytes.push_back(static_cast<char>(r % static_cast<size_t>(classes)));
      for (size_t b = 0; b < 3072; ++b) bytes.push_back(static_cast<char>(pixel(r, b)));
    }
    std::ofstream(path / file, std::ios::binary) << bytes;
  }
};

}  // namespace

TEST_CASE("CIFAR-10 is read from planes into pixels, with or without the archive's folder") {
  const CifarFolder folder("cifar-10-batches-bin");
  folder.write("cifar-10-batches-bin/test_batch.bin", 10000, 1, 10);
  for (const fs::path& given : {folder.path, folder.path / "cifar-10-batches-bin"}) {
    const Dataset d = data::load_dataset("cifar10", Split::test, {.folder = given});
    CHECK(d.count() == 10000);
    CHECK(d.classes.size() == 10);
    for (size_t r : {size_t{0}, size_t{1}, size_t{9999}}) {
      CHECK(d.labels[r] == static_cast<int>(r % 10));
      for (size_t p : {size_t{0}, size_t{33}, size_t{1023}}) {
        for (size_t k = 0; k < 3; ++k) {
          CHECK(d.picture(static_cast<int64_t>(r))[p * 3 + k] == CifarFolder::pixel(r, k * 1024 + p));
        }
      }
    }
  }
}

TEST_CASE("CIFAR-100 uses the fine label, and takes class names from the file beside it") {
  const CifarFolder folder("cifar-100-binary");
  folder.write("cifar-100-binary/test.bin", 10000, 2, 100);
  {
    std::ofstream names(folder.path / "cifar-100-binary/fine_label_names.txt");
    for (int k = 0; k < 100; ++k) names << "name" << k << "\n";
  }
  const Dataset d = data::load_dataset("cifar100", Split::test, {.folder = folder.path});
  CHECK(d.count() == 10000);
  CHECK(d.labels[42] == 42);
  CHECK(d.classes[99] == "name99");
  CHECK(d.picture(42)[0] == CifarFolder::pixel(42, 0));
  const Dataset coarse = data::load_dataset("cifar100-coarse", Split::test, {.folder = folder.path});
  CHECK(coarse.classes.size() == 20);
  CHECK(coarse.labels[42] == 2);
  CHECK(coarse.pixels == d.pixels);
}

TEST_CASE("a CIFAR file that is missing, short, long or mislabelled is named") {
  const CifarFolder folder("cifar-10-batches-bin");
  const fs::path file = folder.path / "cifar-10-batches-bin/test_batch.bin";
  const auto message = [&](Split split) {
    try {
      data::load_dataset("cifar10", split, {.folder = folder.path});
    } catch (const engine::Error& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  CHECK(message(Split::test).find("test_batch.bin: No such file") != std::string::npos);
  folder.write("cifar-10-batches-bin/test_batch.bin", 10000, 1, 10);
  CHECK(message(Split::test).empty());
  CHECK(message(Split::train).find("data_batch_1.bin") != std::string::npos);
  fs::resize_file(file, 30730000 - 1);
  CHECK(message(Split::test).find("test_batch.bin: has 30729999 bytes, not 30730000") != std::string::npos);
  fs::resize_file(file, 30730000 + 1);
  CHECK(message(Split::test).find("has 30730001 bytes") != std::string::npos);
  folder.write("cifar-10-batches-bin/test_batch.bin", 10000, 1, 11);
  CHECK(message(Split::test).find("label 10 of record 10 is not below 10") != std::string::npos);
  CHECK_THROWS_AS(data::load_dataset("cifar10", Split::test, {}), engine::Error);
  CHECK_THROWS_AS(data::load_dataset("cifar10", Split::test, {.folder = folder.path / "nowhere"}), engine::Error);
  CHECK_THROWS_WITH(data::load_dataset("cifar", Split::test, {}),
                    "unknown data set 'cifar': did you mean 'cifar10'? known: cifar10, cifar100, "
                    "cifar100-coarse, tiny-imagenet, folder, cub200, aircraft, cars, shapes");
}

TEST_CASE("shapes are drawn from the seed alone, balanced, and different in both splits") {
  const data::DatasetOptions options{.seed = 5, .train_count = 200, .test_count = 100};
  const Dataset train = data::load_dataset("shapes", Split::train, options),
                test = data::load_dataset("shapes", Split::test, options);
  CHECK(train.count() == 200);
  CHECK(test.count() == 100);
  std::vector<int> counts(10);
  for (int label : train.labels) ++counts[static_cast<size_t>(label)];
  CHECK(counts == std::vector<int>(10, 20));

  std::set<std::string> pictures;
  for (const Dataset* d : {&train, &test}) {
    for (int64_t i = 0; i < d->count(); ++i) pictures.emplace(d->picture(i), d->picture(i) + 3072);
  }
  CHECK(pictures.size() == 300);

  engine::set_threads(1);
  CHECK(data::load_dataset("shapes", Split::train, options).pixels == train.pixels);
  engine::set_threads(2);
  auto other = options;
  other.seed = 6;
  CHECK(data::load_dataset("shapes", Split::train, other).pixels != train.pixels);
}

TEST_CASE("the background of shapes says nothing about the class") {
  // The mean colour of the topmost row has the same mean in every class, within five standard errors.
  const Dataset d = data::load_dataset("shapes", Split::train, {.seed = 1, .train_count = 5000});
  std::vector<std::vector<double>> borders(10);
  for (int64_t i = 0; i < d.count(); ++i) {
    const uint8_t* p = d.picture(i);
    borders[static_cast<size_t>(d.labels[static_cast<size_t>(i)])].push_back(std::accumulate(p, p + 96, 0.0) / 96);
  }
  double all = 0, squares = 0;
  for (const auto& row : borders) {
    for (double value : row) all += value, squares += value * value;
  }
  const double mean = all / 5000, deviation = std::sqrt(squares / 5000 - mean * mean);
  for (const auto& row : borders) {
    CHECK(std::abs(std::accumulate(row.begin(), row.end(), 0.0) / 500 - mean) < 5 * deviation / std::sqrt(500));
  }
}

namespace {

/// A Tiny-ImageNet of two classes, three training images each and two for validation.
struct TinyFolder {
  support::Scratch scratch{"tiny"};
  const fs::path folder = scratch.path / "tiny-imagenet-200";

  TinyFolder() {
    for (const char* id : {"n02", "n01"}) {
      for (int i = 0; i < 3; ++i)
        write("train/" + std::string(id) + "/images/" + id + "_" + std::to_string(i) + ".JPEG");
    }
    for (int i = 0; i < 2; ++i) write("val/images/val_" + std::to_string(i) + ".JPEG");
    text("wnids.txt", "n02\nn01\n");
    text("words.txt", "n01\tgoldfish, Carassius auratus\nn03\tsomething else\n");
    text("val/val_annotations.txt", "val_0.JPEG\tn02\t0\t0\t62\t62\nval_1.JPEG\tn01\t0\t0\t62\t62\n");
  }
  void write(const std::string& name, int side = 64) const {
    fs::create_directories((folder / name).parent_path());
    std::ofstream(folder / name, std::ios::binary) << support::jpeg(side, side, name.ends_with("1.JPEG") ? 1 : 3).first;
  }
  void text(const std::string& name, const std::string& content) const { std::ofstream(folder / name) << content; }
  std::string error(Split split, bool skip = false) const {
    try {
      data::load_dataset("tiny-imagenet", split, {.folder = scratch.path, .skip_bad_images = skip});
      return "";
    } catch (const engine::Error& e) {
      return e.what();
    }
  }
};

}  // namespace

TEST_CASE("Tiny-ImageNet is read from its folders and its validation list") {
  const TinyFolder tiny;
  const Dataset train = data::load_dataset("tiny-imagenet", Split::train, {.folder = tiny.scratch.path});
  CHECK(train.size == 64);
  CHECK(train.count() == 6);
  CHECK(train.pixels.size() == 6 * 64 * 64 * 3);
  CHECK(train.labels == std::vector<int>{0, 0, 0, 1, 1, 1});
  CHECK(train.classes == std::vector<std::string>{"goldfish", "n02"});
  CHECK(train.picture(1)[0] == train.picture(1)[1]);  // a grey one
  const Dataset val = data::load_dataset("tiny-imagenet", Split::test, {.folder = tiny.folder});
  CHECK(val.labels == std::vector<int>{1, 0});
  CHECK(val.skipped.empty());
  CHECK(data::family_of("tiny-imagenet") == data::Family::tiny_imagenet);
}

TEST_CASE("a Tiny-ImageNet that is not whole is refused with the file's name") {
  const auto refused = [](Split split, const std::string& part, auto damage) {
    const TinyFolder tiny;
    damage(tiny);
    CHECK_MESSAGE(tiny.error(split).find(part) != std::string::npos, tiny.error(split));
  };
  refused(Split::train, "wnids.txt: No such file", [](const TinyFolder& t) { fs::remove(t.folder / "wnids.txt"); });
  refused(Split::train, "train/n03/images: No such file",
          [](const TinyFolder& t) { t.text("wnids.txt", "n01\nn02\nn03\n"); });
  refused(Split::train, "train/n02: class 'n02' is not in wnids.txt",
          [](const TinyFolder& t) { t.text("wnids.txt", "n01\n"); });
  refused(Split::train, "or one of them twice", [](const TinyFolder& t) { t.text("wnids.txt", "n01\nn01\n"); });
  refused(Split::train, "n01/images: has no images", [](const TinyFolder& t) {
    for (int i = 0; i < 3; ++i) fs::remove(t.folder / ("train/n01/images/n01_" + std::to_string(i) + ".JPEG"));
  });
  refused(Split::train, "n01_2.JPEG: 32 x 32 pixels, not 64 x 64",
          [](const TinyFolder& t) { t.write("train/n01/images/n01_2.JPEG", 32); });
  refused(Split::train, "n02_0.JPEG: neither JPEG nor PNG",
          [](const TinyFolder& t) { t.text("train/n02/images/n02_0.JPEG", "nothing"); });
  refused(Split::test, "val_1.JPEG: is not in ",
          [](const TinyFolder& t) { t.text("val/val_annotations.txt", "val_0.JPEG\tn02\t0\t0\t62\t62\n"); });
  refused(Split::test, "val_annotations.txt: val_0.JPEG is there twice", [](const TinyFolder& t) {
    t.text("val/val_annotations.txt", "val_0.JPEG\tn02\nval_1.JPEG\tn01\nval_0.JPEG\tn01\n");
  });
  refused(Split::test, "val_1.JPEG: No such file",
          [](const TinyFolder& t) { fs::remove(t.folder / "val/images/val_1.JPEG"); });
  refused(Split::test, "tiny-imagenet: class 'n02' has no test images",
          [](const TinyFolder& t) { t.text("val/val_annotations.txt", "val_0.JPEG\tn01\nval_1.JPEG\tn01\n"); });
  refused(Split::test, "class 'n09' of val_0.JPEG is not in wnids.txt",
          [](const TinyFolder& t) { t.text("val/val_annotations.txt", "val_0.JPEG\tn09\t0\t0\t62\t62\n"); });
  refused(Split::test, "val/images: No such file",
          [](const TinyFolder& t) { fs::remove_all(t.folder / "val/images"); });
}

TEST_CASE("damaged images are left out where that is asked for, and told") {
  const TinyFolder tiny;
  tiny.text("train/n01/images/n01_1.JPEG", "nothing");
  tiny.text("train/n02/images/n02_2.JPEG", "");
  tiny.text("train/n02/images/.DS_Store", "not even looked at");
  const Dataset train =
      data::load_dataset("tiny-imagenet", Split::train, {.folder = tiny.folder, .skip_bad_images = true});
  CHECK(train.labels == std::vector<int>{0, 0, 1, 1});
  CHECK(train.pixels.size() == 4 * 64 * 64 * 3);
  REQUIRE(train.skipped.size() == 2);
  CHECK(train.skipped[0].ends_with("n01_1.JPEG: neither JPEG nor PNG"));
  CHECK(std::equal(train.picture(0), train.picture(0) + 64 * 64 * 3,
                   train.picture(1)));  // both in colour: none moved wrongly
  CHECK(train.picture(3)[0] == train.picture(3)[1]);
  for (int i = 0; i < 3; ++i) tiny.text("train/n01/images/n01_" + std::to_string(i) + ".JPEG", "nothing");
  CHECK(tiny.error(Split::train, true) == "tiny-imagenet: class 'goldfish' has no training images that can be read");
}
