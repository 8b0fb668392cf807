#pragma once

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "engine/file.h"

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

/// The folder a run writes to, by timm's names: args.yaml, summary.csv, last.safetensors. No two processes can have the
/// same one at once.
class RunFolder {
 public:
  /// Makes <output>/<experiment>, or where that is empty <output>/<time>-<label>. An Error where it exists or cannot be
  /// made.
  static RunFolder make(const std::filesystem::path& output, const std::string& experiment, const std::string& label);

  /// Takes one that is there, with these rows in its summary and no others.
  RunFolder(const std::filesystem::path& path, std::vector<std::string> rows);

  const std::filesystem::path& path() const { return path_; }
  void write_arguments(const Arguments& arguments) const;
  void append(const EpochSummary& row);  // written when it returns

  /// The rows of summary.csv so far.
  const std::vector<std::string>& rows() const { return rows_; }

 private:
  std::filesystem::path path_;
  std::unique_ptr<engine::Descriptor> lock_;
  std::vector<std::string> rows_;
  std::ofstream summary_;
};

}  // namespace apps
