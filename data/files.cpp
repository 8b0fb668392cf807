#include "data/files.h"

#include <algorithm>
#include <fstream>

#include "data/image.h"
#include "engine/error.h"
#include "engine/file.h"
#include "engine/parallel.h"

namespace data {

namespace fs = std::filesystem;

fs::path find_folder(const std::string& dataset, const std::string& inner, const fs::path& given) {
  ENSURE(!given.empty(), dataset, ": --data-dir is needed: the folder that holds ", inner);
  std::error_code error;
  ENSURE(fs::is_directory(given, error), dataset, ": --data-dir ", given.string(), " is not a folder that can be read");
  return fs::is_directory(given / inner, error) ? given / inner : given;
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

void append_images(const std::vector<fs::path>& files, const std::vector<int>& labels, int64_t size, bool skip_bad,
                   Dataset& dataset) {
  const auto count = static_cast<int64_t>(files.size()), bytes = size * size * 3;
  const size_t before = dataset.pixels.size();
  dataset.pixels.resize(before + static_cast<size_t>(count * bytes));
  std::vector<std::string> errors(files.size());
  engine::parallel_for(count, 16, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const std::string name = files[static_cast<size_t>(i)].string();
      try {
        const Image image = decode_image(engine::read_file(name), name);
        ENSURE(image.height == size && image.width == size, name, ": ", image.width, " x ", image.height,
               " pixels, not ", size, " x ", size);
        std::copy(image.pixels.begin(), image.pixels.end(),
                  dataset.pixels.begin() + static_cast<int64_t>(before) + i * bytes);
      } catch (const engine::Error& error) {
        if (!skip_bad) throw;
        errors[static_cast<size_t>(i)] = error.what();
      }
    }
  });
  // Those that are left move up.
  auto to = dataset.pixels.begin() + static_cast<int64_t>(before);
  for (int64_t i = 0; i < count; ++i) {
    if (!errors[static_cast<size_t>(i)].empty()) {
      dataset.skipped.push_back(errors[static_cast<size_t>(i)]);
      continue;
    }
    const auto from = dataset.pixels.begin() + static_cast<int64_t>(before) + i * bytes;
    if (to != from) std::copy_n(from, bytes, to);
    to += bytes;
    dataset.labels.push_back(labels[static_cast<size_t>(i)]);
  }
  dataset.pixels.erase(to, dataset.pixels.end());
}

}  // namespace data
