#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "apps/support/arguments.h"
#include "engine/file.h"

namespace apps {

/// One row of summary.csv, an epoch.
struct EpochSummary {
  int64_t epoch;  // from 1
  double train_loss, eval_loss;
  double eval_top1, eval_top5;    // percent
  double mixed_top1, mixed_top2;  // percent; NaN, an empty field, where nothing was mixed
  double lr;                      // of the last step
};

/// One line of metrics.jsonl, after some steps of an epoch.
struct StepMetrics {
  int64_t epoch, step;  // from 1
  double loss, lr;      // mean of the epoch so far; of this step
  double images_per_second, data_wait;
};

/// Keeps a run folder from being trained in by another process, as long as it lives.
class FolderLock {
 public:
  /// An Error where another process has it.
  explicit FolderLock(const std::filesystem::path& path);

  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
  std::unique_ptr<engine::Descriptor> folder_;
};

/// The folder a run writes to, by timm's names: args.yaml, summary.csv, metrics.jsonl, env.json, and weights.
class RunFolder {
 public:
  /// Makes <output>/<experiment>, or where that is empty <output>/<time>-<label>, with these rows of another run in its
  /// summary. An Error where it exists or cannot be made.
  static RunFolder make(const std::filesystem::path& output, const std::string& experiment, const std::string& label,
                        const std::vector<std::string>& rows = {});

  /// Takes one that is there, with these rows at the beginning of its summary, the first of them from elsewhere, and no
  /// metrics of later steps than `step`.
  RunFolder(FolderLock lock, std::vector<std::string> rows, int64_t rows_elsewhere, int64_t step);

  const std::filesystem::path& path() const { return lock_.path(); }
  void write_arguments(const Arguments& arguments) const;

  /// Makes a row the last one of the summary, which is on the disk when it returns.
  void append(const EpochSummary& row);

  /// With the operating system when it returns.
  void log(const StepMetrics& metrics);

  /// The rows of summary.csv so far.
  const std::vector<std::string>& rows() const { return rows_; }

  /// The numbers of the epochs that ended in this folder, best first by eval_top1, of equal ones the earlier first.
  std::vector<int64_t> best_epochs() const;

 private:
  /// All of summary.csv.
  std::string summary() const;

  FolderLock lock_;
  std::vector<std::string> rows_;
  int64_t rows_elsewhere_;
  std::optional<engine::GrowingFile> metrics_;
};

}  // namespace apps
