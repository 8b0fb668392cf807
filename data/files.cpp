#include "data/files.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <mutex>
#include <sstream>

#include "data/image.h"
#include "engine/error.h"
#include "engine/file.h"
#include "engine/parallel.h"

namespace data {

namespace fs = std::filesystem;

fs::path given_folder(const std::string& dataset, const std::string& what, const fs::path& given) {
  ENSURE(!given.empty(), dataset, ": --data-dir is needed: the folder that holds ", what);
  std::error_code error;
  ENSURE(fs::is_directory(given, error), dataset, ": --data-dir ", given.string(), " is not a folder that can be read");
  return given;
}

fs::path find_folder(const std::string& dataset, const std::string& inner, const fs::path& given) {
  std::error_code error;
  const fs::path folder = given_folder(dataset, inner, given);
  return fs::is_directory(folder / inner, error) ? folder / inner : folder;
}

std::vector<std::string> read_lines(const fs::path& path) {
  std::vector<std::string> lines;
  const std::string text = engine::read_file(path);
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    std::string line = text.substr(begin, end - begin);
    if (!line.empty() && line.back() == '\r') line.pop_back();
    if (!line.empty()) lines.push_back(std::move(line));
    begin = end + 1;
  }
  return lines;
}

std::vector<std::string> list_files(const fs::path& folder) {
  std::error_code error;
  fs::directory_iterator entries(folder, error);
  ENSURE(!error, folder.string(), ": ", error.message());
  std::vector<std::string> names;
  for (const fs::directory_entry& entry : entries) {
    if (entry.is_regular_file(error)) names.push_back(entry.path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::vector<std::string> words_of(const std::string& line) {
  std::istringstream in(line);
  return {std::istream_iterator<std::string>(in), {}};
}

namespace {

/// Decodes files on all threads and hands each image to use(index, image). The damaged ones, by their index, and what
/// is wrong with them; or an Error for the first, unless they are to be skipped.
template <class Use>
std::map<size_t, std::string> decode_all(const std::vector<fs::path>& files, bool skip_bad, const Use& use) {
  std::map<size_t, std::string> damaged;
  std::mutex mutex;
  engine::parallel_for(static_cast<int64_t>(files.size()), 16, [&](int64_t begin, int64_t end) {
    for (auto i = static_cast<size_t>(begin); i < static_cast<size_t>(end); ++i) {
      try {
        use(i, read_image(files[i]));
      } catch (const engine::Error& error) {
        if (!skip_bad) throw;
        const std::lock_guard lock(mutex);
        damaged[i] = error.what();
      }
    }
  });
  return damaged;
}

}  // namespace

void append_images(const std::vector<fs::path>& files, const std::vector<int>& labels, int64_t size, bool skip_bad,
                   Dataset& dataset) {
  const int64_t bytes = size * size * 3;
  const auto before = static_cast<int64_t>(dataset.pixels.size());
  dataset.pixels.resize(dataset.pixels.size() + files.size() * static_cast<size_t>(bytes));
  const auto place = [&](size_t i) { return dataset.pixels.begin() + before + static_cast<int64_t>(i) * bytes; };
  const auto damaged = decode_all(files, skip_bad, [&](size_t i, const Image& image) {
    ENSURE(image.height == size && image.width == size, files[i].string(), ": ", image.width, " x ", image.height,
           " pixels, not ", size, " x ", size);
    std::copy(image.pixels.begin(), image.pixels.end(), place(i));
  });
  size_t kept = 0;  // those that are left move up
  for (size_t i = 0; i < files.size(); ++i) {
    if (damaged.contains(i)) continue;
    if (kept != i) std::copy_n(place(i), bytes, place(kept));
    dataset.labels.push_back(labels[i]);
    ++kept;
  }
  dataset.pixels.erase(place(kept), dataset.pixels.end());
  for (const auto& [i, reason] : damaged) dataset.skipped.push_back(reason);
}

Dataset photographs(const std::string& name, std::vector<fs::path> files, std::vector<int> labels,
                    std::vector<std::string> classes, const DatasetOptions& options) {
  std::error_code error;
  std::vector<int64_t> counts(classes.size());
  for (size_t i = 0; i < files.size(); ++i) {
    ENSURE(fs::is_regular_file(files[i], error), files[i].string(), ": is not there, or is not a file");
    ++counts[static_cast<size_t>(labels[i])];
  }
  for (size_t k = 0; k < classes.size(); ++k) ENSURE(counts[k] > 0, name, ": class '", classes[k], "' has no images");

  Dataset dataset;
  dataset.name = name;
  dataset.size = options.size;
  dataset.classes = std::move(classes);
  dataset.normalization = imagenet_normalization;
  dataset.augmentation = {.flip = true, .crop = Cropping::resized};
  dataset.view = {.shorter_side = options.shorter_side};
  std::map<size_t, std::string> damaged;
  if (options.skip_bad_images) damaged = decode_all(files, true, [](size_t, const Image&) {});
  for (size_t i = 0; i < files.size(); ++i) {
    if (damaged.contains(i)) continue;
    dataset.files.push_back(std::move(files[i]));
    dataset.labels.push_back(labels[i]);
  }
  for (const auto& [i, reason] : damaged) dataset.skipped.push_back(reason);
  return dataset;
}

}  // namespace data
