#include "apps/support/run_folder.h"

#include <fcntl.h>
#include <sys/file.h>

#include <algorithm>
#include <cctype>
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

/// A value as YAML, text in quotes. A number with an exponent needs a point there: 1.0e-05.
std::string yaml(const Argument& argument) {
  std::string value = argument.value;
  if (argument.is_text) {
    for (size_t at = 0; (at = value.find('\'', at)) != std::string::npos; at += 2) value.insert(at, 1, '\'');
    return "'" + value + "'";
  }
  const size_t exponent = value.find('e');
  const bool number = !value.empty() && (std::isdigit(static_cast<unsigned char>(value[0])) || value[0] == '-');
  if (number && exponent != std::string::npos && value.find('.') == std::string::npos) value.insert(exponent, ".0");
  return value;
}

}  // namespace

Arguments read_arguments(const fs::path& path) {
  Arguments arguments;
  std::istringstream lines(engine::read_file(path));
  int number = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    if (!line.empty() && line.back() == '\r') line.pop_back();
    if (line.empty() || line[0] == '#') continue;
    const size_t colon = line.find(':');
    const size_t begin =
        std::min(line.find_first_not_of(' ', colon == std::string::npos ? colon : colon + 1), line.size());
    ENSURE(colon != std::string::npos && colon > 0 && line.find(' ') > colon, path.string(), ": line ", number,
           ": not 'name: value'");
    Argument argument{line.substr(0, colon), line.substr(begin), false};
    std::replace(argument.name.begin(), argument.name.end(), '_', '-');
    std::string& value = argument.value;
    if (value.starts_with('\'')) {
      ENSURE(value.size() >= 2 && value.ends_with('\''), path.string(), ": line ", number, ": the quote is not closed");
      value = value.substr(1, value.size() - 2);
      for (size_t at = 0; (at = value.find("\'\'", at)) != std::string::npos; ++at) value.erase(at, 1);
      argument.is_text = true;
    } else if (value.starts_with('"')) {
      ENSURE(value.size() >= 2 && value.ends_with('"') && value.find('\\') == std::string::npos, path.string(),
             ": line ", number, ": text in double quotes with escapes is not read; use single ones");
      value = value.substr(1, value.size() - 2);
      argument.is_text = true;
    }
    arguments.push_back(argument);
  }
  return arguments;
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
  ENSURE(made, path.string(), ": exists already and is left as it is; choose another --experiment, or --resume it");
  return {path, rows, 0};
}

RunFolder::RunFolder(const fs::path& path, std::vector<std::string> rows, int64_t step)
    : path_(path),
      lock_(std::make_unique<engine::Descriptor>(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC))),
      rows_(std::move(rows)) {
  ENSURE(lock_->number >= 0, path.string(), ": ", std::strerror(errno));
  ENSURE(::flock(lock_->number, LOCK_EX | LOCK_NB) == 0, path.string(), ": another process is training in it");
  const fs::path summary = path_ / "summary.csv";
  std::string text = "epoch,train_loss,eval_loss,eval_top1,eval_top5,mixed_top1,mixed_top2,lr\n";
  for (const std::string& row : rows_) text += row + "\n";
  engine::write_file(summary, text);
  summary_.open(summary, std::ios::app);

  std::string kept;
  std::ifstream lines(path_ / "metrics.jsonl");
  for (std::string line; std::getline(lines, line);) {
    const json entry = json::parse(line, nullptr, false);
    if (entry.is_object() && entry.value("step", step + 1) <= step) kept += line + "\n";
  }
  engine::write_file(path_ / "metrics.jsonl", kept);
  metrics_.open(path_ / "metrics.jsonl", std::ios::app);
}

void RunFolder::write_arguments(const Arguments& arguments) const {
  std::string file;
  for (const Argument& argument : arguments) {
    std::string name = argument.name;
    std::replace(name.begin(), name.end(), '-', '_');
    file += name + ": " + yaml(argument) + "\n";
  }
  engine::write_file(path_ / "args.yaml", file);
}

void RunFolder::log(const StepMetrics& m) {
  const nlohmann::ordered_json entry{{"epoch", m.epoch},
                                     {"step", m.step},
                                     {"loss", m.loss},
                                     {"lr", m.lr},
                                     {"images_per_second", std::round(10 * m.images_per_second) / 10},
                                     {"data_wait", std::round(1e5 * m.data_wait) / 1e5}};
  metrics_ << entry.dump() << std::endl;
  ENSURE(metrics_, (path_ / "metrics.jsonl").string(), ": cannot be written: ", std::strerror(errno));
}

std::vector<int64_t> RunFolder::best_epochs(size_t most) const {
  std::vector<std::pair<double, int64_t>> order;  // -top-1, number
  for (const std::string& row : rows_) {
    std::istringstream fields(row);
    std::string field;
    std::getline(fields, field, ',');
    const int64_t epoch = std::stoll(field);
    for (int i = 0; i < 3; ++i) std::getline(fields, field, ',');
    order.emplace_back(-std::stod(field), epoch);
  }
  std::sort(order.begin(), order.end());
  std::vector<int64_t> epochs;
  for (size_t i = 0; i < std::min(most, order.size()); ++i) epochs.push_back(order[i].second);
  return epochs;
}

void RunFolder::append(const EpochSummary& row) {
  const auto percent = [](double value) { return std::isnan(value) ? std::string() : format("%.4f", value); };
  rows_.push_back(format("%ld,%.6f,%.6f,%.4f,%.4f,%s,%s,%.8g", row.epoch, row.train_loss, row.eval_loss, row.eval_top1,
                         row.eval_top5, percent(row.mixed_top1).c_str(), percent(row.mixed_top2).c_str(), row.lr));
  summary_ << rows_.back() << std::endl;
  ENSURE(summary_, (path_ / "summary.csv").string(), ": cannot be written: ", std::strerror(errno));
}

}  // namespace apps
