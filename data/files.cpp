#include "data/files.h"

#include <algorithm>
#include <iterator>
#include <sstream>

#include "engine/error.h"
#include "engine/file.h"

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

namespace {

/// The names of what is in a folder and of a kind, sorted.
template <class Kind>
std::vector<std::string> list(const fs::path& folder, const Kind& is_kind) {
  std::error_code error;
  std::vector<std::string> names;
  fs::directory_iterator entry(folder, error);
  for (; !error && entry != fs::directory_iterator(); entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    std::error_code unknown;
    if (!name.starts_with('.') && is_kind(*entry, unknown)) names.push_back(name);
  }
  ENSURE(!error, folder.string(), ": ", error.message());
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace

std::vector<std::string> list_files(const fs::path& folder) {
  return list(folder, [](const fs::directory_entry& entry, std::error_code& e) { return entry.is_regular_file(e); });
}

std::vector<std::string> list_folders(const fs::path& folder) {
  return list(folder, [](const fs::directory_entry& entry, std::error_code& e) { return entry.is_directory(e); });
}

std::vector<std::string> words_of(const std::string& line) {
  std::istringstream in(line);
  return {std::istream_iterator<std::string>(in), {}};
}

}  // namespace data
