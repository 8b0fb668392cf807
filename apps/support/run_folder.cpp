#include "apps/support/run_folder.h"

#include <fcntl.h>
#include <sys/file.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <ctime>
#include <nlohmann/json.hpp>
#include <sstream>

#include "apps/support/format.h"
#include "engine/error.h"
#include "engine/file.h"

namespace apps {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

std::string time_stamp() {
  const std::time_t now = std::time(nullptr);
  char buffer[32];
  std::strftime(buffer, sizeof buffer, "%Y%m%d-%H%M%S", std::localtime(&now));
  return buffer;
}

/// Of a file; none where there is no file.
std::string content(const fs::path& path) {
  std::error_code error;
  const bool there = fs::exists(path, error);
  ENSURE(!error, path.string(), ": ", error.message());
  return there ? engine::read_file(path) : "";
}

}  // namespace

FolderLock::FolderLock(const fs::path& path)
    : path_(path),
      folder_(std::make_unique<engine::Descriptor>(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC))) {
  ENSURE(folder_->number >= 0, path.string(), ": ", std::strerror(errno));
  const bool locked = ::flock(folder_->number, LOCK_EX | LOCK_NB) == 0;
  ENSURE(locked || errno != EWOULDBLOCK, path.string(), ": another process is training in it");
  ENSURE(locked, path.string(), ": cannot be locked: ", std::strerror(errno));
}

RunFolder RunFolder::make(const fs::path& output, const std::string& experiment, const std::string& label,
                          const std::vector<std::string>& rows) {
  std::error_code error;
  fs::create_directories(output, error);
  ENSURE(!error, output.string(), ": the output folder cannot be made: ", error.message(), "; choose another --output");

  const std::string name = experiment.empty() ? time_stamp() + "-" + label : experiment;
  fs::path path = output / name;
  bool made = fs::create_directory(path, error);
  for (int again = 2; !made && !error && experiment.empty(); ++again) {  // two runs within a second
    path = output / (name + "-" + std::to_string(again));
    made = fs::create_directory(path, error);
  }
  ENSURE(!error, path.string(), ": the run folder cannot be made: ", error.message(), "; choose another --output");
  ENSURE(made, path.string(),
         ": exists already and is left as it is; choose another --experiment, or go on in it with --resume auto");
  return {FolderLock(path), rows, static_cast<int64_t>(rows.size()), 0};
}

RunFolder::RunFolder(FolderLock lock, std::vector<std::string> rows, int64_t rows_elsewhere, int64_t step)
    : lock_(std::move(lock)), rows_(std::move(rows)), rows_elsewhere_(rows_elsewhere) {
  // A row of an epoch that will be evaluated again stays until then.
  if (!content(path() / "summary.csv").starts_with(summary())) engine::write_file(path() / "summary.csv", summary());

  const std::string metrics = content(path() / "metrics.jsonl");
  std::string kept;
  std::istringstream lines(metrics);
  for (std::string line; std::getline(lines, line);) {
    const json entry = json::parse(line, nullptr, false);
    const bool whole = entry.is_object() && entry.contains("step") && entry["step"].is_number();
    if (whole && entry["step"] <= step) kept += line + "\n";
  }
  if (kept != metrics) engine::write_file(path() / "metrics.jsonl", kept);
  metrics_.emplace(path() / "metrics.jsonl");
}

void RunFolder::write_arguments(const Arguments& arguments) const {
  engine::write_file(path() / "args.yaml", yaml_of(arguments));
}

void RunFolder::log(const StepMetrics& m) {
  const nlohmann::ordered_json entry{{"epoch", m.epoch},
                                     {"step", m.step},
                                     {"loss", m.loss},
                                     {"lr", m.lr},
                                     {"images_per_second", std::round(10 * m.images_per_second) / 10},
                                     {"data_wait", std::round(1e5 * m.data_wait) / 1e5}};
  metrics_->append(entry.dump() + "\n");
}

std::vector<int64_t> RunFolder::best_epochs() const {
  std::vector<std::pair<double, int64_t>> order;  // -top-1, number
  for (auto row = rows_.begin() + rows_elsewhere_; row != rows_.end(); ++row) {
    std::istringstream fields(*row);
    std::string field;
    std::getline(fields, field, ',');
    const int64_t epoch = std::stoll(field);
    for (int i = 0; i < 3; ++i) std::getline(fields, field, ',');
    order.emplace_back(-std::stod(field), epoch);
  }
  std::sort(order.begin(), order.end());
  std::vector<int64_t> epochs;
  for (const auto& [score, epoch] : order) epochs.push_back(epoch);
  return epochs;
}

void RunFolder::append(const EpochSummary& row) {
  const auto percent = [](double value) { return std::isnan(value) ? std::string() : format("%.4f", value); };
  rows_.push_back(format("%ld,%.6f,%.6f,%.4f,%.4f,%s,%s,%.8g", row.epoch, row.train_loss, row.eval_loss, row.eval_top1,
                         row.eval_top5, percent(row.mixed_top1).c_str(), percent(row.mixed_top2).c_str(), row.lr));
  engine::write_file(path() / "summary.csv", summary());
}

std::string RunFolder::summary() const {
  std::string text = "epoch,train_loss,eval_loss,eval_top1,eval_top5,mixed_top1,mixed_top2,lr\n";
  for (const std::string& row : rows_) text += row + "\n";
  return text;
}

}  // namespace apps
