#pragma once

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace apps {

/// A flag, without dashes, and its value; text as against a number or a truth value.
struct Argument {
  std::string name, value;
  bool is_text;
};
using Arguments = std::vector<Argument>;

/// One row of summary.csv, an epoch.
struct EpochSummary {
  int64_t epoch;  // from 1
  double train_loss, eval_loss;
  double eval_top1, eval_top5;    // percent
  double mixed_top1, mixed_top2;  // percent; NaN, an empty field, where nothing was mixed
  double lr;                      // of the last step
};

/// The folder a run writes to, by timm's names: args.yaml, summary.csv, last.safetensors. Always a new one.
class RunFolder {
 public:
  /// Makes <output>/<experiment>, or where that is empty <output>/<time>-<label>. An Error where it exists or cannot be
  /// made.
  RunFolder(const std::filesystem::path& output, const std::string& experiment, const std::string& label);

  const std::filesystem::path& path() const { return path_; }
  void write_arguments(const Arguments& arguments) const;
  void append(const EpochSummary& row);  // written when it returns

 private:
  void append_line(const std::string& line);

  std::filesystem::path path_;
  std::ofstream summary_;
};

}  // namespace apps
