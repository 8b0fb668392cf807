#include "engine/names.h"

#include <algorithm>
#include <cstdint>
#include <numeric>

namespace engine {
namespace {

size_t edit_distance(const std::string& a, const std::string& b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({replaced, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row.back();
}

}  // namespace

std::string joined(const std::vector<std::string>& words, const std::string& between) {
  std::string line;
  for (size_t i = 0; i < words.size(); ++i) line += (i ? between : "") + words[i];
  return line;
}

std::string nearest_name(const std::string& name, const std::vector<std::string>& known) {
  const auto longer = [&](const std::string& candidate) { return name.size() > 1 && candidate.starts_with(name); };
  if (std::count_if(known.begin(), known.end(), longer) == 1) return *std::find_if(known.begin(), known.end(), longer);
  std::string best;
  size_t best_distance = SIZE_MAX;
  for (const std::string& candidate : known) {
    const size_t distance = edit_distance(name, candidate);
    const bool close = 2 * distance <= std::max(name.size(), candidate.size());
    if (close && distance < best_distance) best = candidate, best_distance = distance;
  }
  return best;
}

std::string unknown_name(const std::string& kind, const std::string& name, const std::vector<std::string>& known) {
  std::string line = "unknown " + kind + " '" + name + "': ";
  const std::string nearest = nearest_name(name, known);
  if (!nearest.empty()) line += "did you mean '" + nearest + "'? ";
  return line + (known.size() <= 40 ? "known: " + joined(known, ", ") : text(known.size(), " are known"));
}

}  // namespace engine
