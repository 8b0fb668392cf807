#include "apps/support/run_folder.h"

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <ctime>

#include "engine/error.h"
#include "engine/file.h"

namespace apps {
namespace {

namespace fs = std::filesystem;

std::string time_stamp() {
  const std::time_t now = std::time(nullptr);
  char buffer[32];
  std::strftime(buffer, sizeof buffer, "%Y%m%d-%H%M%S", std::localtime(&now));
  return buffer;
}

/// A value as YAML: in quotes unless it is a number, a truth value or a plain word.
std::string yaml(const std::string& value) {
  const bool plain = !value.empty() && std::all_of(value.begin(), value.end(), [](unsigned char c) {
    return std::isalnum(c) || c == '.' || c == '_' || c == '/' || c == '-' || c == '+';
  });
  if (plain && value.front() != '-') return value;
  std::string quoted = "'";
  for (char c : value) quoted += c == '\'' ? std::string("''") : std::string(1, c);
  return quoted + "'";
}

}  // namespace

RunFolder::RunFolder(const fs::path& output, const std::string& experiment, const std::string& label) {
  std::error_code error;
  fs::create_directories(output, error);
  ENSURE(!error, output.string(), ": the output folder cannot be made: ", error.message());

  const std::string name = experiment.empty() ? time_stamp() + "-" + label : experiment;
  path_ = output / name;
  bool made = fs::create_directory(path_, error);
  for (int again = 2; !made && !error && experiment.empty(); ++again) {  // two runs within a second
    path_ = output / (name + "-" + std::to_string(again));
    made = fs::create_directory(path_, error);
  }
  ENSURE(!error, path_.string(), ": the run folder cannot be made: ", error.message());
  ENSURE(made, path_.string(), ": exists already and is left as it is; choose another --experiment");

  summary_.open(path_ / "summary.csv");
  summary_ << "epoch,train_loss,eval_loss,eval_top1,eval_top5,lr" << std::endl;
  ENSURE(summary_, (path_ / "summary.csv").string(), ": cannot be written: ", std::strerror(errno));
}

void RunFolder::write_arguments(const Arguments& arguments) const {
  std::string file;
  for (auto [name, value] : arguments) {
    std::replace(name.begin(), name.end(), '-', '_');
    file += name + ": " + yaml(value) + "\n";
  }
  engine::write_file(path_ / "args.yaml", file);
}

void RunFolder::append(const EpochSummary& row) {
  char line[256];
  std::snprintf(line, sizeof line, "%ld,%.6f,%.6f,%.4f,%.4f,%.8g", row.epoch, row.train_loss, row.eval_loss,
                row.eval_top1, row.eval_top5, row.lr);
  summary_ << line << std::endl;
  ENSURE(summary_, (path_ / "summary.csv").string(), ": cannot be written: ", std::strerror(errno));
}

}  // namespace apps
