#include <cerrno>
#include <cstring>
#include <fstream>

#include "data/dataset.h"
#include "data/files.h"
#include "engine/error.h"

// CIFAR-10 and CIFAR-100 (Krizhevsky, 2009) in their binary layout: a file is a row of records, each its label bytes
// and then 1024 red, 1024 green and 1024 blue bytes of a 32x32 picture, row by row.
namespace data {
namespace {

namespace fs = std::filesystem;

constexpr int64_t size = 32, plane = size * size;

struct Format {
  const char* name;
  const char* folder;  // inside the archive
  std::vector<std::string> train, test;
  const char* class_names;  // a file with one name a line
  int64_t label_bytes;
  int64_t label_at;  // the byte of them that counts
  int classes;
  int64_t records;  // in each training file
};

void append_file(const Format& format, const fs::path& path, int64_t records, Dataset& dataset) {
  const int64_t record = format.label_bytes + 3 * plane, expected = records * record;
  std::error_code error;
  const auto bytes = static_cast<int64_t>(fs::file_size(path, error));
  ENSURE(!error, path.string(), ": ", error.message(), "; ", format.name, " needs this file of the binary version");
  ENSURE(bytes == expected, path.string(), ": has ", bytes, " bytes, not ", expected, " (", records, " records of ",
         record, "): unpack it again");
  std::ifstream in(path, std::ios::binary);
  std::vector<uint8_t> buffer(static_cast<size_t>(record));
  const auto before = static_cast<size_t>(dataset.count());
  dataset.pixels.resize((before + static_cast<size_t>(records)) * 3 * plane);
  uint8_t* pixel = dataset.pixels.data() + before * 3 * plane;
  for (int64_t i = 0; i < records; ++i) {
    ENSURE(in.read(reinterpret_cast<char*>(buffer.data()), record), path.string(),
           ": cannot be read: ", std::strerror(errno));
    const uint8_t *planes = buffer.data() + format.label_bytes, label = buffer[static_cast<size_t>(format.label_at)];
    ENSURE(label < format.classes, path.string(), ": label ", int{label}, " of record ", i, " is not below ",
           format.classes);
    dataset.labels.push_back(label);
    for (int64_t p = 0; p < plane; ++p) {
      for (int64_t k = 0; k < 3; ++k) *pixel++ = planes[k * plane + p];
    }
  }
}

std::vector<std::string> class_names(const Format& format, const fs::path& folder) {
  std::error_code error;
  std::vector<std::string> names;
  if (fs::exists(folder / format.class_names, error)) names = read_lines(folder / format.class_names);
  if (static_cast<int>(names.size()) == format.classes) return names;
  names.clear();
  for (int k = 0; k < format.classes; ++k) names.push_back("class " + std::to_string(k));
  return names;
}

Dataset load(const Format& format, Split split, const DatasetOptions& options) {
  const fs::path folder = find_folder(format.name, format.folder, options.folder);
  Dataset dataset;
  dataset.name = format.name;
  const bool train = split == Split::train;
  const auto& names = train ? format.train : format.test;
  dataset.pixels.reserve(names.size() * static_cast<size_t>((train ? format.records : 10000) * 3 * plane));
  for (const std::string& file : names) {
    append_file(format, folder / file, train ? format.records : 10000, dataset);
  }
  dataset.classes = class_names(format, folder);
  return dataset;
}

// The paper's experiments normalise CIFAR-100 by the numbers of CIFAR-10. A record has two labels, one of 20 coarse
// classes before one of 100 fine ones.
Dataset cifar100_by(const Format& format, Split split, const DatasetOptions& options) {
  Dataset dataset = load(format, split, options);
  dataset.normalization = {{0.4914f, 0.4822f, 0.4465f}, {0.2023f, 0.1994f, 0.2010f}};
  dataset.augmentation = {.pad = 4, .border = Border::reflect, .flip = true};
  return dataset;
}

}  // namespace

Dataset cifar10(Split split, const DatasetOptions& options) {
  static const Format format{
      "cifar10",
      "cifar-10-batches-bin",
      {"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin", "data_batch_5.bin"},
      {"test_batch.bin"},
      "batches.meta.txt",
      1,
      0,
      10,
      10000};
  Dataset dataset = load(format, split, options);
  dataset.normalization = {{0.4914f, 0.4822f, 0.4465f}, {0.2023f, 0.1994f, 0.2010f}};
  dataset.augmentation = {.pad = 4, .border = Border::zero, .flip = true};
  return dataset;
}

Dataset cifar100(Split split, const DatasetOptions& options) {
  static const Format format{
      "cifar100", "cifar-100-binary", {"train.bin"}, {"test.bin"}, "fine_label_names.txt", 2, 1, 100, 50000};
  return cifar100_by(format, split, options);
}

Dataset cifar100_coarse(Split split, const DatasetOptions& options) {
  static const Format format{
      "cifar100-coarse", "cifar-100-binary", {"train.bin"}, {"test.bin"}, "coarse_label_names.txt", 2, 0, 20, 50000};
  return cifar100_by(format, split, options);
}

}  // namespace data
