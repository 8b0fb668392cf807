#include <doctest/doctest.h>

#include <algorithm>
#include <cstdio>
#include <sstream>

#include "tests/support/program.h"

// A run that is stopped at any moment goes on to the very same end.

using support::content;
using support::Outcome;
using support::run_program;
using support::Scratch;

namespace fs = std::filesystem;

namespace {

const std::string short_run =
    "--threads 1 --shapes-train 160 --shapes-test 60 -b 20 --epochs 3 --mix cutmix --loss dm --model-ema --opt adamw "
    "--lr 0.01 "
    "--recovery-interval 3 ";

/// A run that nobody stops.
void run_whole(const Scratch& scratch, const std::string& arguments) {
  REQUIRE(run_program("train_cifar", arguments + "--experiment whole", scratch).exit_code == 0);
}

void check_same(const Scratch& scratch, const std::string& name) {
  CHECK(std::distance(fs::directory_iterator(scratch.path / "output" / name), {}) >=
        std::distance(fs::directory_iterator(scratch.path / "output/whole"), {}));
  for (const char* file :
       {"summary.csv", "last.safetensors", "last.ema.safetensors", "model_best.safetensors", "confusion.csv"}) {
    const std::string whole = content(scratch.path / "output/whole" / file);
    CHECK(whole.size() > 100);
    CHECK_MESSAGE((content(scratch.path / "output" / name / file) == whole), name, "/", file);
  }
}

/// A prefix that ends a program by a signal after some time, if it is still there.
std::string ended_by(const char* signal, int milliseconds) {
  char text[64];
  std::snprintf(text, sizeof text, "timeout --preserve-status -s %s %d.%03d", signal, milliseconds / 1000,
                milliseconds % 1000);
  return text;
}

/// A prefix that sends a program a signal after a step of its first epoch; it has to log each.
std::string ended_in_training_by(const std::string& signal, int step = 5) {
  return "sh -c '\"$0\" \"$@\" & until grep -qs \"step " + std::to_string(step) +
         "/\" err.txt; do sleep 0.01; done; kill -" + signal + " $!; wait $!'";
}

}  // namespace

TEST_CASE("a run that is killed again and again comes to the same bits") {
  const Scratch scratch("kills");
  run_whole(scratch, short_run);
  int kills = 0, code = 137;
  for (; code == 137 && kills < 60; ++kills) {
    code = run_program("train_cifar", short_run + "--experiment killed --resume auto", scratch,
                       ended_by("KILL", 60 + 37 * (kills * 7 % 11) + 40 * kills))
               .exit_code;
  }
  REQUIRE(code == 0);
  CHECK(kills > 1);
  check_same(scratch, "killed");
}

TEST_CASE("from a kept epoch's state a run goes on in a new folder, and from the newest one in its own") {
  const Scratch scratch("branch");
  run_whole(scratch, short_run);
  const fs::path whole = scratch.path / "output/whole";
  for (const char* name : {"checkpoint-1", "checkpoint-2", "checkpoint-3", "model_best"}) {
    CHECK(fs::exists(whole / (std::string(name) + ".state.safetensors")));
    CHECK(fs::exists(whole / (std::string(name) + ".safetensors")));
  }
  const Outcome branch =
      run_program("train_cifar", "--resume output/whole/checkpoint-1.state.safetensors --experiment branch", scratch);
  CHECK_MESSAGE(branch.exit_code == 0, branch.err);
  for (const char* file : {"summary.csv", "last.safetensors", "last.ema.safetensors", "confusion.csv",
                           "checkpoint-2.safetensors", "checkpoint-3.safetensors"}) {
    CHECK((content(scratch.path / "output/branch" / file) == content(whole / file)));
  }
  const auto folders = [&] { return std::distance(fs::directory_iterator(scratch.path / "output"), {}); };
  REQUIRE(folders() == 2);
  const Outcome same = run_program("train_cifar", "--resume output/whole/last.state.safetensors", scratch);
  CHECK_MESSAGE(same.exit_code == 0, same.err);
  CHECK(folders() == 2);
  CHECK((content(whole / "summary.csv") == content(scratch.path / "output/branch/summary.csv")));

  // Only the best epochs keep theirs.
  REQUIRE(run_program("train_cifar", short_run + "--checkpoint-hist 1 --experiment one", scratch).exit_code == 0);
  int kept = 0;
  for (const fs::directory_entry& entry : fs::directory_iterator(scratch.path / "output/one")) {
    kept += entry.path().filename().string().starts_with("checkpoint-");
  }
  CHECK(kept == 2);
}

TEST_CASE("a run that stops being finite goes back to what was saved, with --on-nan rollback") {
  const Scratch scratch("rollback");
  const Outcome run = run_program("train_cifar",
                                  "--threads 1 --shapes-train 200 --shapes-test 20 -b 20 --epochs 1 --lr 1e6 "
                                  "--on-nan rollback --experiment x",
                                  scratch);
  CHECK(run.err.find(" is not finite: back to what step 0 came to, and on with the next one\n") != std::string::npos);
}

TEST_CASE("SIGINT and SIGTERM save a run and say how it goes on") {
  const Scratch scratch("signals");
  const std::string long_run =
      "--threads 1 --shapes-train 1000 --shapes-test 60 -b 20 --epochs 1 --model-ema --log-interval 1 ";
  run_whole(scratch, long_run);
  for (const auto& [name, code] : {std::pair{std::string("INT"), 130}, {std::string("TERM"), 143}}) {
    const Outcome stopped =
        run_program("train_cifar", long_run + "--experiment " + name, scratch, ended_in_training_by(name));
    CHECK(stopped.exit_code == code);
    CHECK(stopped.err.ends_with("saved; goes on with: --resume output/" + name + "\n"));
    CHECK(fs::exists(scratch.path / "output" / name / "last.state.safetensors"));
    CHECK_FALSE(fs::exists(scratch.path / "output" / name / "last.safetensors"));
    // The run knows its own arguments.
    const Outcome rest = run_program("train_cifar", "--resume output/" + name, scratch);
    CHECK_MESSAGE(rest.exit_code == 0, rest.err);
    check_same(scratch, name);
  }
}

TEST_CASE("of a damaged state the one before it is used") {
  const Scratch scratch("damaged");
  run_whole(scratch, short_run);
  // Saved after steps 3 and 6, and stopped after 7.
  REQUIRE(run_program("train_cifar", short_run + "--log-interval 1 --experiment x", scratch,
                      ended_in_training_by("KILL", 7))
              .exit_code == 137);
  const fs::path last = scratch.path / "output/x/last.state.safetensors";
  std::string bytes = content(last);
  REQUIRE(!bytes.empty());
  bytes[bytes.size() - 1000] = static_cast<char>(bytes[bytes.size() - 1000] ^ 1);
  std::ofstream(last, std::ios::binary) << bytes;
  const Outcome rest = run_program("train_cifar", "--resume output/x", scratch);
  CHECK(rest.exit_code == 0);
  CHECK(rest.err.find("is damaged: its SHA-256 is another one; the one before it is used\n") != std::string::npos);
  check_same(scratch, "x");
}

TEST_CASE("a state that cannot be written leaves the one before it, from which the run goes on") {
  const Scratch scratch("full");
  run_whole(scratch, short_run);
  const std::string arguments = short_run + "--experiment x --resume auto --log-interval 1";
  CHECK(run_program("train_cifar", arguments, scratch, ended_in_training_by("KILL")).exit_code == 137);
  const fs::path folder = scratch.path / "output/x";
  const std::string before = content(folder / "last.state.safetensors");
  REQUIRE(before.size() > 1000000);
  // No file may be larger than half a megabyte now.
  const Outcome full =
      run_program("train_cifar", arguments, scratch, "sh -c 'trap \"\" XFSZ; ulimit -f 1000; exec \"$0\" \"$@\"'");
  CHECK(full.exit_code == 1);
  CHECK(full.err.find("output/x/next.state.safetensors: cannot be written: File too large\n") != std::string::npos);
  CHECK((content(folder / "last.state.safetensors") == before));
  CHECK_FALSE(fs::exists(folder / "next.state.safetensors"));
  CHECK(run_program("train_cifar", arguments, scratch).exit_code == 0);
  check_same(scratch, "x");

  // Every step is in the metrics once, though some were trained on twice.
  std::istringstream metrics(content(folder / "metrics.jsonl"));
  int64_t step = 0;
  for (std::string line; std::getline(metrics, line);) {
    CHECK(line.find(",\"step\":" + std::to_string(++step) + ",") != std::string::npos);
  }
  CHECK(step == 24);
}

TEST_CASE("what cannot be resumed is refused in one line, and nothing is changed") {
  const Scratch scratch("refused");
  REQUIRE(run_program("train_cifar", short_run + "--experiment whole", scratch).exit_code == 0);
  const fs::path folder = scratch.path / "output/whole", state = folder / "last.state.safetensors";
  const std::string summary = content(folder / "summary.csv"), weights = content(folder / "last.safetensors");
  const auto refused = [&](const std::string& arguments, int code, const std::string& part,
                           const std::string& before = "") {
    const Outcome run = run_program("train_cifar", arguments, scratch, before);
    CAPTURE(arguments);
    CHECK(run.exit_code == code);
    CHECK_MESSAGE(run.err.find(part) != std::string::npos, run.err);
    CHECK(std::count(run.err.begin(), run.err.end(), '\n') == 1);
    CHECK((content(folder / "summary.csv") == summary));
    CHECK((content(folder / "last.safetensors") == weights));
  };
  refused("--resume output/whole --lr 0.2", 2,
          "--lr 0.2: the run was started with 0.01; one that is resumed goes on as");
  refused("--resume output/whole --model linear", 2, "--model linear: the run was started with resnet20");
  refused("--resume output", 1, "output: holds no state of a training to go on from");
  refused(short_run + "--experiment whole", 1,
          "exists already and is left as it is; choose another --experiment, or go on in it with --resume auto");
  refused("--resume output/whole", 1, "output/whole: another process is training in it", "flock output/whole");
  std::string bytes = content(state);
  const std::string key = "\"demix-state\":\"1\"";
  REQUIRE(bytes.find(key) != std::string::npos);
  fs::remove(folder / "previous.state.safetensors");
  bytes[bytes.find(key) + key.size() - 2] = '9';
  std::ofstream(state, std::ios::binary) << bytes;
  refused("--resume output/whole", 1, "is a state of version 9, and this is 1");

  // Where there is nothing to go on with, auto starts anew.
  const Outcome fresh = run_program("train_cifar", short_run + "--experiment fresh --resume auto", scratch);
  CHECK(fresh.exit_code == 0);
  CHECK((content(scratch.path / "output/fresh/last.safetensors") == weights));
}
