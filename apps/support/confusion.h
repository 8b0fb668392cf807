#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace apps {

/// How often pictures of one class were taken for another.
class Confusion {
 public:
  explicit Confusion(const std::vector<std::string>& classes)
      : classes_(classes), counts_(classes.size(), std::vector<int64_t>(classes.size())) {}

  void add(int truth, int guess) { ++counts_[static_cast<size_t>(truth)][static_cast<size_t>(guess)]; }

  /// A batch of labels, each with a row of logits, of which the highest is the guess.
  void add(const std::vector<int>& labels, const float* logits);

  /// A row for every true class, a column for every predicted one.
  const std::vector<std::vector<int64_t>>& counts() const { return counts_; }

  /// The matrix with the names of the classes, as CSV.
  std::string csv() const;

  /// For a terminal: the matrix where there are at most twelve classes, else the ten pairs mistaken most often.
  std::string table() const;

 private:
  std::vector<std::string> classes_;
  std::vector<std::vector<int64_t>> counts_;
};

/// A field of a CSV file, in quotes where it needs them.
std::string csv_field(const std::string& text);

}  // namespace apps
