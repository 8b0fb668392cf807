#pragma once

#include <cstdint>
#include <filesystem>
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

  const std::vector<std::string>& classes() const { return classes_; }

  /// The matrix with the names of the classes, as CSV.
  std::string csv() const;

  /// Two classes of which one was taken for the other, and how often.
  struct Mistake {
    size_t truth, guess;
    int64_t count;
  };

  /// Those mistaken most often, most often first.
  std::vector<Mistake> mistakes(size_t most) const;

  /// For a terminal: the matrix where there are at most twelve classes, else the ten pairs mistaken most often.
  std::string table() const;

 private:
  friend Confusion read_confusion(const std::filesystem::path& path);

  std::vector<std::string> classes_;
  std::vector<std::vector<int64_t>> counts_;
};

/// The matrix of a file that holds csv(); an Error names the row that is wrong.
Confusion read_confusion(const std::filesystem::path& path);

/// A field of a CSV file, in quotes where it needs them.
std::string csv_field(const std::string& text);

}  // namespace apps
