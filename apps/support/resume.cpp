#include "apps/support/resume.h"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "engine/file.h"
#include "engine/names.h"

namespace apps {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

/// The value of a flag, or an empty text.
std::string value_of(const Arguments& arguments, const std::string& name) {
  const auto found =
      std::find_if(arguments.begin(), arguments.end(), [&](const Argument& a) { return a.name == name; });
  return found == arguments.end() ? "" : found->value;
}

/// 1e-05 is 1.0e-5.
bool is_same(const std::string& a, const std::string& b) {
  double x = 0, y = 0;
  const auto number = [](const std::string& text, double& value) {
    return std::from_chars(text.data(), text.data() + text.size(), value).ptr == text.data() + text.size();
  };
  return a == b || (number(a, x) && number(b, y) && x == y);
}

/// The data set that a run is on.
std::string dataset_of(const fs::path& run) { return value_of(StateFiles(run).origin().arguments, "dataset"); }

bool is_among(const std::string& name, const std::vector<std::string>& names) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

/// The newest run on one of the data sets.
fs::path newest_run(const fs::path& output, const std::vector<std::string>& datasets) {
  std::vector<std::pair<fs::file_time_type, fs::path>> runs;
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(output, error)) {
    if (!entry.is_directory(error) || !has_state(entry.path())) continue;
    const fs::path state = entry.path() / "last.state.safetensors";
    runs.emplace_back(fs::last_write_time(fs::exists(state, error) ? state : entry.path(), error), entry.path());
  }
  std::sort(runs.rbegin(), runs.rend());
  for (const auto& [time, path] : runs) {
    if (is_among(dataset_of(path), datasets)) return path;
  }
  return {};
}

void require_same_flags(const Arguments& before, const Arguments& now) {
  // Where a run may go back to what was saved, it matters when it is.
  const bool rolls_back = value_of(now, "on-nan") == "rollback";
  for (const Argument& argument : now) {
    const std::string old = value_of(before, argument.name);
    const bool free = is_free(argument.name) && !(rolls_back && argument.name == "recovery-interval");
    const bool unknown = old.empty() && argument.value == "false";  // a switch that came later was off then
    if (free || unknown || old == argument.value) continue;
    throw UsageError(engine::text("--", argument.name, " ", argument.value, ": the run was started with",
                                  old.empty() ? "out" : " " + old, "; one that is resumed goes on as it was"));
  }
}

void require_same_run(const fs::path& folder, const Arguments& saved) {
  std::error_code error;
  if (!fs::exists(folder / "args.yaml", error)) return;
  for (const Argument& argument : read_arguments(folder / "args.yaml")) {
    const std::string value = value_of(saved, argument.name);
    ENSURE(is_free(argument.name) || is_same(value, argument.value), folder.string(), ": holds two runs: --",
           argument.name, " is '", argument.value, "' in args.yaml and '", value, "' in the state that was saved");
  }
}

void require_same_data(const fs::path& resumed, const json& before, const json& now) {
  for (const auto& [split, title] : {std::pair{"train", "training"}, {"test", "test"}}) {
    for (const auto& [key, what] : {std::pair{"labels_sha256", "labels"}, {"sha256", "images"}}) {
      const json &old = before.at("data").at(split).at(key), &is = now.at("data").at(split).at(key);
      ENSURE(old == is, resumed.string(), ": the ", title, " ", what,
             " are not those that the run began with: SHA-256 ", is.get<std::string>().substr(0, 12), "..., and then ",
             old.get<std::string>().substr(0, 12), "...");
    }
  }
}

/// An Error where a folder without a state holds more than a run that has come to none leaves behind.
void require_nothing_lost(const fs::path& folder) {
  std::error_code error;
  const auto is_of_a_beginning = [&](const std::string& name) {
    if (name == "summary.csv") {
      const std::string rows = engine::read_file(folder / name);
      return std::count(rows.begin(), rows.end(), '\n') <= 1;
    }
    return name == "args.yaml" || name == "env.json" || name == "metrics.jsonl" || name == "images" ||
           name == "report.html" || name.starts_with("events.out.tfevents.") || name.ends_with(".tmp");
  };
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, error)) {
    const std::string name = entry.path().filename();
    ENSURE(is_of_a_beginning(name), folder.string(), ": holds ", name,
           ", but no state to go on from; choose another --experiment", way_out(folder));
  }
}

/// An Error where a run is on none of the data sets.
void require_one_of(const std::vector<std::string>& datasets, const fs::path& run) {
  const std::string dataset = dataset_of(run);
  ENSURE(is_among(dataset, datasets), run.string(), ": is a run on ", dataset, ", which another program trains on");
}

}  // namespace

fs::path path_to_resume(const TrainingFlags& flags, const std::vector<std::string>& datasets) {
  std::error_code error;
  if (flags.resume.empty()) return {};
  if (flags.resume == "auto") {
    if (flags.experiment.empty()) return newest_run(flags.output, datasets);
    const fs::path folder = fs::path(flags.output) / flags.experiment;
    if (!fs::is_directory(folder, error)) return {};
    if (has_state(folder)) require_one_of(datasets, folder);
    else require_nothing_lost(folder);
    return folder;
  }
  fs::path path = flags.resume;
  ENSURE(fs::exists(path, error), path.string(), ": does not exist");
  ENSURE(has_state(path), path.string(), ": holds no state of a training to go on from", way_out(path));
  require_one_of(datasets, path);
  if (path.filename() == "next.state.safetensors" || path.filename() == "last.state.safetensors") {
    path = path.has_parent_path() ? path.parent_path() : ".";
  }
  const bool named = !flags.experiment.empty() && fs::is_directory(path, error);
  if (named && fs::canonical(path, error).filename() != flags.experiment) {
    throw UsageError(
        engine::text("--experiment ", flags.experiment, ": the run in ", path.string(),
                     " goes on in its folder; from one of its checkpoint-<epoch>.state.safetensors it does "
                     "in a new one"));
  }
  return path;
}

std::vector<std::string> recalled(const Origin& origin, bool same_folder) {
  std::vector<std::string> about_a_start{"config",        "resume",   "report",  "dry-run",
                                         "overfit-batch", "download", "data-url"};
  if (!same_folder) about_a_start.insert(about_a_start.end(), {"experiment", "output"});
  return command_line_of(origin.arguments, about_a_start);
}

void require_same(const fs::path& resumed, const Origin& before, const Origin& now) {
  std::error_code error;
  require_same_flags(before.arguments, now.arguments);
  if (fs::is_directory(resumed, error)) require_same_run(resumed, before.arguments);
  const json old = json::parse(before.environment), is = json::parse(now.environment);
  require_same_data(resumed, old, is);
  std::vector<std::string> others;
  for (const char* key : {"revision", "compiler", "instructions", "processor", "libraries"}) {
    if (old.value(key, json()) != is.value(key, json())) others.push_back(key);
  }
  if (others.empty()) return;
  std::fprintf(stderr, "note: not the %s that the run began with: its last bits may come out differently\n",
               engine::joined(others, ", ").c_str());
}

}  // namespace apps
