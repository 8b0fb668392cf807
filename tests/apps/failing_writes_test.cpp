#include <doctest/doctest.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <vector>

#include "tests/support/event_file.h"
#include "tests/support/program.h"

// Whichever write fails, a run ends with one line, nothing that was good is harmed, and the same command line goes on
// from the newest state to the very same end. Of all writes a sample is tried here; with FAILING_WRITES_EVERY=1 each,
// which takes minutes.

using nlohmann::json;
using support::content;
using support::Outcome;
using support::run_program;
using support::Scratch;

namespace fs = std::filesystem;

namespace {

const std::string command =
    "--threads 1 --model linear --shapes-train 40 --shapes-test 40 -b 10 --epochs 3 --mix cutmix --loss dm --model-ema "
    "--model-ema-decay 0.5 --opt adamw --lr 0.003 --checkpoint-hist 1 --recovery-interval 2 --log-interval 1 "
    "--experiment x --resume auto";
constexpr int64_t steps = 12;

struct Fault {
  const char* name;
  int error;
  bool stays;
};

constexpr Fault faults[] = {{"a quota that is reached once", EDQUOT, false},
                            {"a disk that stays full", ENOSPC, true},
                            {"a damaged place", EIO, false},
                            {"a disk that becomes read-only", EROFS, true}};

/// A call that changes something in the output folder.
struct Call {
  std::string name;
  fs::path path;
};

struct Training {
  Outcome outcome;
  std::vector<Call> calls;
};

/// The training, with a fault at one of its calls from 1; at none for 0.
Training train(const Scratch& scratch, const Fault& fault = faults[0], size_t at = 0) {
  const std::string folder = fs::canonical(scratch.path).string();
  const Outcome outcome = run_program(
      "train_cifar", command, scratch,
      "timeout 60 env LD_PRELOAD='" DEMIX_FAILING_WRITES "' FAILING_WRITES_FOLDER='" + folder +
          "/output' FAILING_WRITES_CALLS='" + folder + "/calls.txt' FAILING_WRITES_AT=" + std::to_string(at) +
          " FAILING_WRITES_ERROR=" + std::to_string(fault.error) + " FAILING_WRITES_STAY=" + (fault.stays ? "1" : "0"));
  std::vector<Call> calls;
  std::ifstream lines(scratch.path / "calls.txt");
  for (std::string name, path; lines >> name >> path;)
    calls.push_back({name, fs::path(path).lexically_relative(folder)});
  return {outcome, calls};
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

/// Those that are made when the training is done.
bool is_late_picture(const fs::path& path) { return path.filename() == "best.png" || path.filename() == "worst.png"; }

bool is_progress(const std::string& line) { return line.starts_with("epoch "); }

/// What a program says on stderr besides its progress.
std::vector<std::string> said(const Outcome& outcome) {
  std::vector<std::string> lines = lines_of(outcome.err);
  std::erase_if(lines, is_progress);
  return lines;
}

int64_t steps_trained(const Outcome& outcome) {
  const std::vector<std::string> lines = lines_of(outcome.err);
  return std::count_if(lines.begin(), lines.end(), is_progress);
}

bool is_called(const fs::path& path, const std::string& start) { return path.filename().string().starts_with(start); }

/// Whether it is as long as its header says.
bool is_complete(const fs::path& safetensors) {
  const std::string bytes = content(safetensors);
  uint64_t length = 0, end = 0;
  if (bytes.size() < sizeof length) return false;
  std::memcpy(&length, bytes.data(), sizeof length);
  const json header = json::parse(bytes.substr(sizeof length, length), nullptr, false);
  if (!header.is_object()) return false;
  for (const auto& [name, tensor] : header.items()) {
    if (name != "__metadata__") end = std::max<uint64_t>(end, tensor.at("data_offsets").at(1));
  }
  return bytes.size() == sizeof length + length + end;
}

/// Files and folders below one, by their paths there, without event files.
std::set<std::string> names_in(const fs::path& folder) {
  std::set<std::string> names;
  if (!fs::exists(folder)) return names;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (!is_called(entry.path(), "events.")) names.insert(entry.path().lexically_relative(folder));
  }
  return names;
}

/// Where a file is now: the newest state, or the last one, has its other name where a rename failed.
fs::path found(const fs::path& path) {
  const bool renamed = path.filename() == "last.state.safetensors" && !fs::exists(path);
  return renamed ? path.parent_path() / "next.state.safetensors" : path;
}

/// The calls of a training that did not fail.
std::vector<Call> good_calls(const Training& training, const Fault& fault, size_t at) {
  std::vector<Call> good = training.calls;
  const auto first = good.begin() + static_cast<ptrdiff_t>(at) - 1;
  good.erase(first, fault.stays ? good.end() : first + 1);
  return good;
}

/// The step of the state that is there after these calls.
int64_t saved_step(int64_t before, const std::vector<Call>& calls) {
  int64_t step = before, saved = before;
  for (const auto& [name, path] : calls) {
    if (name == "write" && path.filename() == "metrics.jsonl") ++step;
    if (name == "rename" && path.filename() == "next.state.safetensors") saved = step;
  }
  return saved;
}

/// A run ends with one line that says what could not be written and why; what it can do without, it goes on without.
void check_end(const Training& training, const Fault& fault, size_t at) {
  const Outcome& outcome = training.outcome;
  const std::vector<Call>& calls = training.calls;
  const std::vector<std::string> lines = said(outcome);
  size_t failed = at - 1;
  if (fault.stays) {
    while (failed + 1 < calls.size() && calls[failed].name == "unlink") ++failed;
  }
  fs::path path = calls[failed].path;
  if (calls[failed].name == "fsync" && !path.has_extension() && failed > 0)
    path = calls[failed - 1].path;  // its folder
  if (path.extension() == ".tmp") path.replace_extension();
  if (path.filename() == "previous.state.safetensors") path.replace_filename("last.state.safetensors");

  if (calls[failed].name == "unlink") {
    CHECK(outcome.exit_code == 0);
    CHECK(lines.empty());
    return;
  }
  REQUIRE_MESSAGE(lines.size() == 1, outcome.err);
  const bool needless = path.filename() == "report.html" || is_late_picture(path);
  CHECK(outcome.exit_code == (needless ? 0 : 1));
  CHECK_MESSAGE(lines[0].starts_with((needless ? "no report.html: " : "train_cifar: ") + path.string() + ": "),
                lines[0]);
  CHECK_MESSAGE(lines[0].find(std::strerror(fault.error)) != std::string::npos, lines[0]);
}

bool is_checkpoint(const fs::path& path) { return is_called(path, "checkpoint-") && path.extension() != ".tmp"; }

/// All that is there is whole, and after these calls nothing has been lost that was there.
void check_unharmed(const fs::path& output, const fs::path& before, const fs::path& whole,
                    const std::vector<Call>& calls) {
  for (const std::string& name : names_in(output)) {
    CAPTURE(name);
    const fs::path path = output / name;
    if (path.extension() == ".safetensors") CHECK(is_complete(path));
    for (const char* constant : {"args.yaml", "env.json", "mixed.png"}) {
      if (path.filename() == constant) CHECK(content(path) == content(whole / name));
    }
    if (path.filename() == "report.html") CHECK(content(path).ends_with("</html>\n"));
    if (path.filename() == "summary.csv") {
      const std::string rows = content(path);
      CHECK((rows.ends_with("\n") && content(whole / name).starts_with(rows)));
    }
  }
  for (const std::string& name : names_in(before)) {
    CAPTURE(name);
    if (!is_checkpoint(name)) CHECK(fs::exists(found(output / name)));
    if (fs::path(name).filename() == "summary.csv") CHECK(content(output / name).starts_with(content(before / name)));
  }
  // Of the checkpoints one is kept, another one from epoch to epoch.
  const std::set<std::string> now = names_in(output), then = names_in(before);
  if (std::any_of(then.begin(), then.end(), is_checkpoint) ||
      std::any_of(calls.begin(), calls.end(),
                  [](const Call& c) { return c.name == "rename" && is_checkpoint(c.path); }))
    CHECK(std::any_of(now.begin(), now.end(), is_checkpoint));
}

/// What metrics.jsonl says of each step, without times.
std::vector<json> metrics_in(const fs::path& output) {
  std::vector<json> metrics;
  for (const std::string& line : lines_of(content(output / "x/metrics.jsonl"))) {
    json entry = json::parse(line);
    entry.erase("images_per_second");
    entry.erase("data_wait");
    metrics.push_back(entry);
  }
  return metrics;
}

/// What TensorBoard shows, without times.
auto scalars_in(const fs::path& output) {
  auto scalars = support::read_scalars(output / "x");
  for (auto& value : scalars["train/images_per_second"]) value.second = 0;
  return scalars;
}

void check_same(const fs::path& output, const fs::path& whole, bool extra_checkpoints) {
  const std::set<std::string> expected = names_in(whole);
  for (const std::string& name : names_in(output)) {
    CAPTURE(name);
    CHECK((expected.contains(name) || (extra_checkpoints && is_called(name, "checkpoint-"))));
  }
  for (const std::string& name : expected) {
    CAPTURE(name);
    const fs::path path = output / name;
    REQUIRE(fs::exists(path));
    if (is_called(path, "previous.state")) {
      CHECK(is_complete(path));  // saved after another step
    } else if (!fs::is_directory(path) && !is_called(path, "metrics") && !is_called(path, "report")) {
      CHECK((content(path) == content(whole / name)));
    }
  }
  CHECK(metrics_in(output) == metrics_in(whole));
  CHECK(scalars_in(output) == scalars_in(whole));
}

size_t every() {
  const char* value = std::getenv("FAILING_WRITES_EVERY");
  return value ? std::stoul(value) : 13;
}

/// Where the training starts from, and the step it is at.
struct Start {
  fs::path folder;  // or none
  int64_t step;
};

/// Lets the training fail at one of its writes after the other, always from the same start.
template <class Check>
void fail_at_each(const Scratch& scratch, const Start& start, const Check& check_stopped) {
  const fs::path output = scratch.path / "output", whole = scratch.path / "whole";
  const auto reset = [&] {
    fs::remove_all(output);
    if (fs::exists(start.folder)) fs::copy(start.folder, output, fs::copy_options::recursive);
  };
  reset();
  const Training undisturbed = train(scratch);
  REQUIRE_MESSAGE(undisturbed.outcome.exit_code == 0, undisturbed.outcome.err);
  CHECK(steps_trained(undisturbed.outcome) == steps - start.step);
  check_same(output, whole, false);

  int64_t runs = 0;
  for (const Fault& fault : faults) {
    for (size_t at = 1 + static_cast<size_t>(&fault - faults) * every() / std::size(faults);
         at <= undisturbed.calls.size(); at += every(), ++runs) {
      reset();
      const Training stopped = train(scratch, fault, at);
      REQUIRE(stopped.calls.size() >= at);
      const std::string name = stopped.calls[at - 1].name, path = stopped.calls[at - 1].path, trouble = fault.name;
      CAPTURE(trouble);
      CAPTURE(at);
      CAPTURE(name);
      CAPTURE(path);
      check_end(stopped, fault, at);
      const std::vector<Call> good = good_calls(stopped, fault, at);
      check_unharmed(output, start.folder, whole, good);
      check_stopped();
      const Training rest = train(scratch);
      CHECK(rest.outcome.exit_code == 0);
      CHECK_MESSAGE(said(rest.outcome).empty(), rest.outcome.err);
      CHECK(steps_trained(rest.outcome) == steps - saved_step(start.step, good));
      check_same(output, whole, name == "unlink");
    }
  }
  MESSAGE(undisturbed.calls.size(), " calls; ", runs, " runs with a failing one");
}

/// The run that nobody stops, as the folder whole. Its calls.
std::vector<Call> run_whole(const Scratch& scratch) {
  const Training training = train(scratch);
  REQUIRE_MESSAGE(training.outcome.exit_code == 0, training.outcome.err);
  REQUIRE(steps_trained(training.outcome) == steps);
  CHECK(std::any_of(training.calls.begin(), training.calls.end(), [](const Call& c) { return c.name == "unlink"; }));
  fs::rename(scratch.path / "output", scratch.path / "whole");
  return training.calls;
}

}  // namespace

TEST_CASE("a run that a failing write stops goes on to the same bits") {
  const Scratch scratch("failing-new");
  run_whole(scratch);
  fail_at_each(scratch, {{}, 0}, [] {});
}

TEST_CASE("a run that is going on and that a failing write stops again goes on to the same bits") {
  const Scratch scratch("failing-again");
  const std::vector<Call> calls = run_whole(scratch);
  // The first was saved after six steps, and stopped after seven.
  size_t at = 0;
  for (int64_t step = 0; step < 8; ++at) {
    step += calls[at].name == "write" && calls[at].path.filename() == "metrics.jsonl";
  }
  REQUIRE(train(scratch, faults[2], at).outcome.exit_code == 1);
  fs::rename(scratch.path / "output", scratch.path / "stopped");
  fail_at_each(scratch, {scratch.path / "stopped", 6}, [] {});
}

TEST_CASE("going on with a run that is done changes nothing of it, whichever failing write stops that") {
  const Scratch scratch("failing-done");
  run_whole(scratch);
  fail_at_each(scratch, {scratch.path / "whole", steps}, [&] {
    for (const std::string& name : names_in(scratch.path / "whole")) {
      CAPTURE(name);
      const fs::path path = scratch.path / "output" / name;
      if (fs::is_directory(path) || is_called(name, "report") || is_called(path, "previous.state")) continue;
      CHECK((content(found(path)) == content(scratch.path / "whole" / name)));
    }
  });
}
