#include "data/photographs.h"

#include <algorithm>
#include <map>
#include <mutex>

#include "data/image.h"
#include "engine/error.h"
#include "engine/parallel.h"

namespace data {

namespace fs = std::filesystem;

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
  Dataset dataset;
  dataset.name = name;
  dataset.size = options.size;
  dataset.classes = std::move(classes);
  dataset.normalization = imagenet_normalization;
  dataset.augmentation = {.flip = true, .crop = Cropping::resized};
  dataset.view = {.shorter_side = options.shorter_side};
  if (!options.skip_bad_images) {
    std::error_code error;
    for (const fs::path& file : files) {
      ENSURE(fs::is_regular_file(file, error), file.string(), ": is not there, or is not a file");
    }
    dataset.files = std::move(files);
    dataset.labels = std::move(labels);
    return dataset;
  }
  std::vector<std::array<int64_t, 2>> sizes(files.size());
  const auto damaged = decode_all(files, true, [&](size_t i, const Image& image) {
    sizes[i] = {image.height, image.width};
  });
  for (size_t i = 0; i < files.size(); ++i) {
    if (damaged.contains(i)) continue;
    dataset.files.push_back(std::move(files[i]));
    dataset.sizes.push_back(sizes[i]);
    dataset.labels.push_back(labels[i]);
  }
  for (const auto& [i, reason] : damaged) dataset.skipped.push_back(reason);
  return dataset;
}

}  // namespace data
