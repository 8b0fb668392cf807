#include "apps/support/confusion.h"

#include <algorithm>
#include <tuple>

#include "apps/support/evaluation.h"
#include "apps/support/format.h"
#include "engine/error.h"

namespace apps {

std::string csv_field(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char letter : text) {
    if (letter == '"') quoted += letter;
    quoted += letter;
  }
  return quoted + "\"";
}

void Confusion::add(const std::vector<int>& labels, const float* logits) {
  for (const int label : labels) {
    add(label, best_class(logits, static_cast<int>(classes_.size())));
    logits += classes_.size();
  }
}

std::string Confusion::csv() const {
  std::string text = "true \\ predicted";
  for (const std::string& name : classes_) text += engine::text(",", csv_field(name));
  for (size_t a = 0; a < classes_.size(); ++a) {
    text += engine::text("\n", csv_field(classes_[a]));
    for (const int64_t count : counts_[a]) text += engine::text(",", count);
  }
  return text + "\n";
}

std::string Confusion::table() const {
  if (classes_.size() <= 12) {
    std::string text = "true \\ predicted";
    for (const std::string& name : classes_) text += format(" %7.7s", name.c_str());
    text += "\n";
    for (size_t a = 0; a < classes_.size(); ++a) {
      text += format("%-16.16s", classes_[a].c_str());
      for (const int64_t count : counts_[a]) text += format(" %7ld", count);
      text += "\n";
    }
    return text;
  }
  std::vector<std::tuple<int64_t, size_t, size_t>> pairs;
  for (size_t a = 0; a < classes_.size(); ++a) {
    for (size_t b = 0; b < classes_.size(); ++b) {
      if (a != b && counts_[a][b] > 0) pairs.emplace_back(-counts_[a][b], a, b);
    }
  }
  std::sort(pairs.begin(), pairs.end());
  std::string text = "mistaken most often\n";
  for (size_t i = 0; i < std::min<size_t>(10, pairs.size()); ++i) {
    const auto [count, a, b] = pairs[i];
    text += format("%6ld  %.100s for %.100s\n", -count, classes_[a].c_str(), classes_[b].c_str());
  }
  return text;
}

}  // namespace apps
