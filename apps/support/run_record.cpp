#include "apps/support/run_record.h"

#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>
#include <sstream>

#include "apps/support/arguments.h"
#include "apps/support/format.h"
#include "data/files.h"
#include "engine/error.h"
#include "engine/file.h"

namespace apps {
namespace {

namespace fs = std::filesystem;
using engine::text;
using nlohmann::ordered_json;

/// The lines of a file, without what ends them.
std::vector<std::string> lines_of(const fs::path& path) {
  std::istringstream in(engine::read_file(path));
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) {
    if (line.ends_with('\r')) line.pop_back();
    lines.push_back(line);
  }
  return lines;
}

std::vector<std::string> fields_of(const std::string& line) {
  std::vector<std::string> fields(1);
  for (const char c : line) {
    if (c == ',') fields.emplace_back();
    else fields.back() += c;
  }
  return fields;
}

/// A number that a chart can show: finite, and so far from the largest that differences are as well.
bool is_plain(double value) { return std::abs(value) < 1e100; }

void read_summary(const fs::path& path, RunRecord& run) {
  const std::vector<std::string> lines = lines_of(path);
  const std::vector<std::string> columns = fields_of(lines.empty() ? "" : lines[0]);
  ENSURE(columns[0] == "epoch", path.string(), ":1: does not start with 'epoch', as the summary of a run does");
  for (size_t i = 1; i < lines.size(); ++i) {
    const std::vector<std::string> fields = fields_of(lines[i]);
    ENSURE(fields.size() == columns.size(), path.string(), ":", i + 1, ": ", fields.size(), " fields, ", columns.size(),
           " expected");
    double epoch = 0;
    for (size_t k = 0; k < fields.size(); ++k) {
      double value = NAN;
      const char *begin = fields[k].data(), *end = begin + fields[k].size();
      const char* const rest = std::from_chars(begin, end, value).ptr;
      const bool good = rest == end && (k > 0 || is_plain(value));
      ENSURE(good, path.string(), ":", i + 1, ": '", fields[k], "' is not a number for ", columns[k]);
      if (k == 0) epoch = value;
      else if (is_plain(value)) run.summary[columns[k]].emplace_back(epoch, value);
      if (fields[k].empty() || is_plain(value) || !run.trouble.empty()) continue;
      run.trouble = text(columns[k], " in epoch ", epoch, " is ", fields[k]);
    }
    ++run.epochs;
  }
}

void read_metrics(const fs::path& path, RunRecord& run) {
  const std::vector<std::string> lines = lines_of(path);
  for (size_t i = 0; i < lines.size(); ++i) {
    const ordered_json entry = ordered_json::parse(lines[i], nullptr, false);
    if (!entry.is_object() && i + 1 == lines.size()) return;  // the run was stopped while it wrote
    ENSURE(entry.is_object(), path.string(), ":", i + 1, ": is not a JSON object");
    const auto number = [&](const char* name) {
      return entry.contains(name) && entry[name].is_number() ? entry[name].get<double>() : NAN;
    };
    const double step = number("step");
    for (const auto& [name, points] :
         {std::pair{"loss", &run.loss}, {"lr", &run.lr}, {"images_per_second", &run.speed}}) {
      const double value = number(name);
      if (is_plain(step) && is_plain(value)) points->emplace_back(step, value);
    }
  }
}

/// Adds what an object holds, objects within it by the names above them.
void flatten(const ordered_json& value, const std::string& name, Facts& facts) {
  if (!value.is_object()) {
    facts.emplace_back(name, value.is_string() ? value.get<std::string>() : json_text(value));
    return;
  }
  for (const auto& [key, inner] : value.items()) flatten(inner, name.empty() ? key : name + " " + key, facts);
}

}  // namespace

Points RunRecord::column(const std::string& name) const {
  const auto found = summary.find(name);
  return found == summary.end() ? Points() : found->second;
}

std::string RunRecord::argument(const std::string& name) const {
  for (const auto& [key, value] : arguments) {
    if (key == name) return value;
  }
  return "";
}

std::string RunRecord::name() const {
  return fs::absolute(folder / "").lexically_normal().parent_path().filename().string();
}

RunRecord read_run(const fs::path& folder) {
  RunRecord run;
  std::error_code error;
  run.folder = folder;
  ENSURE(fs::is_regular_file(folder / "summary.csv", error), folder.string(),
         ": is not the folder of a run: it has no summary.csv");
  const auto has = [&](const char* file) { return fs::exists(folder / file, error); };
  read_summary(folder / "summary.csv", run);
  if (has("metrics.jsonl")) read_metrics(folder / "metrics.jsonl", run);
  if (has("args.yaml")) {
    for (const Argument& argument : read_arguments(folder / "args.yaml")) {
      run.arguments.emplace_back(argument.name, argument.value);
    }
  }
  if (has("env.json")) {
    const fs::path path = folder / "env.json";
    const ordered_json environment = ordered_json::parse(engine::read_file(path), nullptr, false);
    ENSURE(environment.is_object(), path.string(), ": is not a JSON object");
    flatten(environment, "", run.environment);
  }
  if (has("confusion.csv")) run.confusion = read_confusion(folder / "confusion.csv");
  if (has("images")) {
    for (const std::string& name : data::list_files(folder / "images")) {
      if (name.ends_with(".png")) run.images.push_back(folder / "images" / name);
    }
  }
  return run;
}

}  // namespace apps
