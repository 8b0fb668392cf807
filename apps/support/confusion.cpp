#include "apps/support/confusion.h"

#include <algorithm>
#include <charconv>

#include "apps/support/evaluation.h"
#include "apps/support/format.h"
#include "engine/error.h"
#include "engine/file.h"

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

std::vector<Confusion::Mistake> Confusion::mistakes(size_t most) const {
  std::vector<Mistake> pairs;
  for (size_t a = 0; a < classes_.size(); ++a) {
    for (size_t b = 0; b < classes_.size(); ++b) {
      if (a != b && counts_[a][b] > 0) pairs.push_back({a, b, counts_[a][b]});
    }
  }
  std::stable_sort(pairs.begin(), pairs.end(), [](const Mistake& p, const Mistake& q) { return p.count > q.count; });
  pairs.resize(std::min(most, pairs.size()));
  return pairs;
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
  std::string text = "mistaken most often\n";
  for (const Mistake& pair : mistakes(10)) {
    text += format("%6ld  %.100s for %.100s\n", pair.count, classes_[pair.truth].c_str(), classes_[pair.guess].c_str());
  }
  return text;
}

Confusion read_confusion(const std::filesystem::path& path) {
  std::vector<std::vector<std::string>> rows(1, {""});
  bool quoted = false;
  const std::string text = engine::read_file(path);
  for (size_t i = 0; i < text.size(); ++i) {
    if (quoted && text[i] == '"' && text.substr(i, 2) == "\"\"") rows.back().back() += text[i++];
    else if (text[i] == '"') quoted = !quoted;
    else if (!quoted && text[i] == ',') rows.back().emplace_back();
    else if (!quoted && text[i] == '\n') rows.push_back({""});
    else rows.back().back() += text[i];
  }
  ENSURE(!quoted && rows.back() == std::vector<std::string>{""}, path.string(), ": does not end with a whole line");
  rows.pop_back();
  const size_t classes = rows.empty() ? 0 : rows[0].size() - 1;
  ENSURE(classes > 0 && rows.size() == classes + 1, path.string(), ": ", classes, " classes in ", rows.size(),
         " rows, where a row for each and one above them are expected");
  Confusion confusion({rows[0].begin() + 1, rows[0].end()});
  for (size_t a = 0; a < classes; ++a) {
    const std::vector<std::string>& row = rows[a + 1];
    ENSURE(row.size() == classes + 1, path.string(), ": row ", a + 2, ": ", row.size(), " fields, ", classes + 1,
           " expected");
    for (size_t b = 0; b < classes; ++b) {
      const char *begin = row[b + 1].data(), *end = begin + row[b + 1].size();
      int64_t& count = confusion.counts_[a][b];
      const auto [rest, error] = std::from_chars(begin, end, count);
      ENSURE(error == std::errc() && rest == end && count >= 0 && count < 1'000'000'000'000, path.string(), ": row ",
             a + 2, ": '", row[b + 1], "' is not a count");
    }
  }
  return confusion;
}

}  // namespace apps
