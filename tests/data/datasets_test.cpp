#include <doctest/doctest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <numeric>
#include <set>

#include "data/dataset.h"
#include "engine/error.h"
#include "engine/parallel.h"
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
      if (label_bytes == 2) bytes.push_back(19);  // the coarse label
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
                    "unknown data set 'cifar': did you mean 'cifar10'? known: cifar10, cifar100, shapes");
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
