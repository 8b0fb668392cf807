#include <doctest/doctest.h>

#include <algorithm>
#include <cstdio>
#include <sstream>

#include "tests/support/picture_file.h"
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
  // The best there is the best of those that ended there.
  REQUIRE(run_program("train_cifar", "--resume output/whole/checkpoint-3.state.safetensors --experiment end --output .",
                      scratch)
              .exit_code == 0);
  CHECK((content(scratch.path / "end/model_best.safetensors") == content(whole / "checkpoint-3.safetensors")));
  CHECK(content(scratch.path / "end/summary.csv") == content(whole / "summary.csv"));
  CHECK_FALSE(fs::exists(scratch.path / "end/checkpoint-1.safetensors"));
  const auto folders = [&] { return std::distance(fs::directory_iterator(scratch.path / "output"), {}); };
  REQUIRE(folders() == 2);
  const Outcome same = run_program("train_cifar", "--resume output/whole/last.state.safetensors", scratch);
  CHECK_MESSAGE(same.exit_code == 0, same.err);
  CHECK(folders() == 2);
  CHECK((content(whole / "summary.csv") == content(scratch.path / "output/branch/summary.csv")));

  // Only the best epochs keep theirs.
  REQUIRE(run_program("train_cifar", short_run + "--checkpoint-hist 1 --experiment one", scratch).exit_code == 0);
  const auto kept = [&](const char* name) {
    const fs::directory_iterator files(scratch.path / "output" / name);
    return std::count_if(begin(files), end(files), [](const fs::directory_entry& entry) {
      return entry.path().filename().string().starts_with("checkpoint-");
    });
  };
  CHECK(kept("one") == 2);
  CHECK(kept("whole") == 6);
  REQUIRE(run_program("train_cifar", "--resume output/whole --checkpoint-hist 1", scratch).exit_code == 0);
  CHECK(kept("whole") == 2);
}

TEST_CASE("a run that stops being finite goes back to what was saved, with --on-nan rollback") {
  const Scratch scratch("rollback");
  const Outcome run = run_program("train_cifar",
                                  "--threads 1 --shapes-train 200 --shapes-test 20 -b 20 --epochs 1 --lr 1e6 "
                                  "--on-nan rollback --experiment x",
                                  scratch);
  CHECK(run.err.find(" is not finite: back to what step 0 came to, and on with the next one\n") != std::string::npos);
}

TEST_CASE("a run that goes back where numbers are not finite comes to the same bits wherever it was interrupted") {
  const Scratch scratch("rollback-bits");
  // The weights become a fifth larger with every step.
  const std::string exploding =
      "--threads 1 --shapes-train 20800 --shapes-test 60 -b 40 --epochs 1 --model linear --momentum 0 --lr 0.1 --wd 22 "
      "--sched constant --on-nan rollback --log-interval 1 ";
  const Outcome whole = run_program("train_cifar", exploding + "--experiment whole", scratch);
  REQUIRE_MESSAGE(whole.exit_code == 0, whole.err);
  REQUIRE(whole.err.find("back to what step 0 came to") != std::string::npos);
  const Outcome stopped =
      run_program("train_cifar", exploding + "--experiment x", scratch, ended_in_training_by("TERM", 4));
  CHECK(stopped.exit_code == 143);
  CHECK(stopped.err.find("saved after step ") != std::string::npos);
  CHECK(stopped.err.find("back to") == std::string::npos);
  CHECK_FALSE(content(scratch.path / "output/x/last.state.safetensors") ==
              content(scratch.path / "output/x/rollback.state.safetensors"));
  CHECK(run_program("train_cifar", "--resume output/x --recovery-interval 5", scratch).exit_code == 2);
  const Outcome rest = run_program("train_cifar", "--resume output/x", scratch);
  CHECK_MESSAGE(rest.exit_code == 0, rest.err);
  CHECK(rest.err.find("back to what step 0 came to") != std::string::npos);
  for (const char* file : {"summary.csv", "last.safetensors", "rollback.state.safetensors"}) {
    const std::string a = content(scratch.path / "output/whole" / file), b = content(scratch.path / "output/x" / file);
    const size_t tensors = a.size() > 120000 ? a.size() - 120000 : 0;  // a state holds --experiment before them
    CHECK(a.size() > 100);
    CHECK_MESSAGE(a.substr(tensors) == b.substr(std::min(b.size(), tensors + b.size() - a.size())), std::string(file));
  }
}

TEST_CASE("after a good stretch it is not the tenth trouble any more") {
  const Scratch scratch("troubles");
  const std::string exploding =
      "--threads 1 --shapes-train 600 --shapes-test 60 -b 20 --epochs 3 --model linear --momentum 0 --lr 0.1 --wd 1000 "
      "--sched step --decay-epochs 1 --decay-rate 0.001 --on-nan rollback ";
  const Outcome run = run_program("train_cifar", exploding + "--experiment x", scratch);
  REQUIRE_MESSAGE(run.exit_code == 0, run.err);
  CHECK(run.err.find("is not finite: back to what step 0 came to") != std::string::npos);
  const auto position_of = [&](const char* name) {
    const std::string state = content(scratch.path / "output/x" / name);
    return state.substr(state.find("anchor") - 1, state.find("troubles") + 16 - state.find("anchor"));
  };
  const auto holds = [](const std::string& text, const char* part) { return text.find(part) != std::string::npos; };
  const std::string first = position_of("checkpoint-1.state.safetensors"), last = position_of("last.state.safetensors");
  CHECK_MESSAGE((holds(first, "troubles\\\":") && !holds(first, "troubles\\\":0")), first);
  CHECK_MESSAGE((holds(last, "troubles\\\":0") && !holds(last, "failed\\\":0")), last);
}

TEST_CASE("weights that give no finite logits any more do not take the place of the state before") {
  const Scratch scratch("unfit");
  const std::string exploding =
      "--threads 1 --shapes-train 160 --shapes-test 60 -b 20 --epochs 3 --model linear --momentum 0 --lr 0.1 "
      "--wd 1000000 --log-interval 100 ";
  const Outcome stopped = run_program("train_cifar", exploding + "--recovery-interval 3 --experiment stop", scratch);
  CHECK(stopped.exit_code == 1);
  CHECK_MESSAGE(
      stopped.err.find("step 8: linear of fc.weight, when tested, is not finite: try a lower learning rate") !=
          std::string::npos,
      stopped.err);
  const Outcome again = run_program("train_cifar", "--resume output/stop --log-interval 1", scratch);
  CHECK(again.exit_code == 1);
  CHECK(again.err.starts_with("epoch 1/3  step 7/8"));  // from what was saved after step 6

  const Outcome skipped = run_program("train_cifar", exploding + "--on-nan skip --experiment skip", scratch);
  CHECK(skipped.exit_code == 1);
  CHECK(skipped.err.find("step 8: linear of fc.weight, when tested, is not finite: what it came to is not saved\n") !=
        std::string::npos);
  CHECK(skipped.err.find("epoch 1: what comes out for some test images is not finite\n") != std::string::npos);
  CHECK(skipped.err.find("nothing is learned any more") != std::string::npos);
  CHECK_FALSE(fs::exists(scratch.path / "output/skip/last.state.safetensors"));
}

TEST_CASE("a run goes on with its own data and its own state only") {
  const Scratch scratch("own");
  const auto write = [&](const std::string& name, int size) {
    fs::create_directories((scratch.path / name).parent_path());
    std::ofstream(scratch.path / name, std::ios::binary) << support::png(size, 40, 3).first;
  };
  for (const char* name :
       {"train/a/1.png", "train/a/2.png", "train/b/1.png", "train/b/2.png", "val/a/1.png", "val/b/1.png"})
    write("pictures/" + std::string(name), 50);
  const std::string photographs =
      "--data-dir pictures --size 32 -b 2 --epochs 1 --model linear --threads 1 --workers 0 ";
  REQUIRE(run_program("train_folder", photographs + "--experiment x", scratch).exit_code == 0);
  CHECK(run_program("train_folder", "--resume output/x", scratch).exit_code == 0);

  const auto refused = [&](const std::string& part) {
    const std::string summary = content(scratch.path / "output/x/summary.csv");
    const Outcome run = run_program("train_folder", "--resume output/x", scratch);
    CHECK(run.exit_code == 1);
    CHECK_MESSAGE(run.err.starts_with("train_folder: output/x: " + part), run.err);
    CHECK(std::count(run.err.begin(), run.err.end(), '\n') == 1);
    CHECK(content(scratch.path / "output/x/summary.csv") == summary);
  };
  write("pictures/val/b/2.png", 50);
  refused("the test labels are not those that the run began with: SHA-256 ");
  fs::remove(scratch.path / "pictures/val/b/2.png");
  fs::rename(scratch.path / "pictures/train/a/1.png", scratch.path / "pictures/train/a/7.png");
  refused("the training images are not those that the run began with: SHA-256 ");
  fs::rename(scratch.path / "pictures/train/a/7.png", scratch.path / "pictures/train/a/1.png");
  write("pictures/val/a/1.png", 51);
  refused("the test images are not those that the run began with: SHA-256 ");
  write("pictures/val/a/1.png", 50);
  write("pictures/train/c/1.png", 50), write("pictures/val/c/1.png", 50);  // another class
  refused("the training labels are not those");
  fs::remove_all(scratch.path / "pictures/train/c"), fs::remove_all(scratch.path / "pictures/val/c");

  REQUIRE(run_program("train_folder", photographs + "--lr 0.5 --experiment y", scratch).exit_code == 0);
  fs::copy_file(scratch.path / "output/y/last.state.safetensors", scratch.path / "output/x/last.state.safetensors",
                fs::copy_options::overwrite_existing);
  refused("holds two runs: --lr is '0.1' in args.yaml and '0.5' in the state that was saved");

  // Another program's run is not what auto looks for.
  const Outcome other = run_program(
      "train_cifar", "--threads 1 --shapes-train 20 --shapes-test 20 -b 20 --epochs 1 --model linear --resume auto",
      scratch);
  CHECK(other.exit_code == 0);
  CHECK(other.out.find("nothing to go on with: a new run begins\n") != std::string::npos);
  const Outcome found = run_program("train_cifar", "--resume auto", scratch);
  CHECK(found.exit_code == 0);
  CHECK(found.out.find("nothing to go on with") == std::string::npos);
}

TEST_CASE("SIGINT, SIGTERM and SIGHUP save a run and say how it goes on") {
  const Scratch scratch("signals");
  const std::string long_run =
      "--threads 1 --shapes-train 1000 --shapes-test 60 -b 20 --epochs 1 --model-ema --log-interval 1 ";
  run_whole(scratch, long_run);
  for (const auto& [name, code] :
       {std::pair{std::string("INT"), 130}, {std::string("TERM"), 143}, {std::string("HUP"), 129}}) {
    const Outcome stopped =
        run_program("train_cifar", long_run + "--experiment " + name, scratch, ended_in_training_by(name));
    CHECK(stopped.exit_code == code);
    CHECK(stopped.err.find("saved after step ") != std::string::npos);
    CHECK(stopped.err.ends_with("; goes on with: " DEMIX_APPS "/train_cifar --resume output/" + name + "\n"));
    CHECK(fs::exists(scratch.path / "output" / name / "last.state.safetensors"));
    CHECK_FALSE(fs::exists(scratch.path / "output" / name / "last.safetensors"));
    // The run knows its own arguments.
    const Outcome rest = run_program("train_cifar", "--resume output/" + name, scratch);
    CHECK_MESSAGE(rest.exit_code == 0, rest.err);
    CHECK(rest.err.find("step 49/50") != std::string::npos);  // by --log-interval 1
    check_same(scratch, name);
  }
  const std::string under_nohup = "sh -c 'trap \"\" HUP; " + ended_in_training_by("HUP").substr(7);
  CHECK(run_program("train_cifar", long_run + "--experiment nohup", scratch, under_nohup).exit_code == 0);
  check_same(scratch, "nohup");
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

  // Where both are damaged, both are named, and what is left.
  for (const char* name : {"last", "previous"}) {
    const fs::path state = scratch.path / "output/x" / (std::string(name) + ".state.safetensors");
    bytes = content(state);
    fs::remove(state);
    std::ofstream(state, std::ios::binary) << bytes.substr(0, bytes.size() / 2);
  }
  const Outcome none = run_program("train_cifar", "--resume output/x", scratch);
  CHECK(none.exit_code == 1);
  CHECK_MESSAGE(none.err.find("/last.state.safetensors: ") < none.err.find("; output/x/previous.state.safetensors: "),
                none.err);
  CHECK_MESSAGE(none.err.ends_with("; try --resume output/x/checkpoint-3.state.safetensors\n"), none.err);
  CHECK(std::count(none.err.begin(), none.err.end(), '\n') == 1);
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
  const Outcome full = run_program("train_cifar", arguments, scratch, "sh -c 'ulimit -f 1000; exec \"$0\" \"$@\"'");
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
  const std::string linear_run = short_run + "--model linear ";
  REQUIRE(run_program("train_cifar", linear_run + "--experiment whole", scratch).exit_code == 0);
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
  refused("--resume output/whole --model resnet20", 2, "--model resnet20: the run was started with linear");
  refused("--resume output/whole --experiment other", 2, "--experiment other: the run in output/whole goes on in its");
  refused("--resume output/whole --shapes-seed 3", 2, "--shapes-seed 3: the run was started with ");
  refused("--resume output/whole --init-checkpoint x", 2, "--init-checkpoint x: the run was started without; one that");
  refused("--resume output", 1, "output: holds no state of a training to go on from");
  refused(linear_run + "--experiment whole", 1,
          "exists already and is left as it is; choose another --experiment, or go on in it with --resume auto");
  refused("--resume output/whole", 1, "output/whole: another process is training in it", "flock output/whole");
  std::string bytes = content(state);
  const std::string key = "\"demix-state\":\"3\"";
  REQUIRE(bytes.find(key) != std::string::npos);
  bytes[bytes.find(key) + key.size() - 2] = '9';
  std::ofstream(state, std::ios::binary) << bytes;
  refused("--resume output/whole", 1,
          "is a state of version 9, and this is 3");  // it may be good: that before it does not take its place

  fs::remove(folder / "previous.state.safetensors"), fs::remove(state);  // of the epochs there are some left
  const std::string kept =
      "but no state to go on from; choose another --experiment; try --resume "
      "output/whole/checkpoint-3.state.safetensors\n";
  refused(linear_run + "--experiment whole --resume auto", 1, kept);
  refused("--resume output/whole", 1,
          "holds no state of a training to go on from; try --resume output/whole/checkpoint-3.state.safetensors\n");
  refused("--resume nothing", 1, "nothing: does not exist");
  const Outcome other =
      run_program("train_folder", "--data-dir . --resume output/whole/checkpoint-2.state.safetensors", scratch);
  CHECK(other.exit_code == 1);
  CHECK(other.err ==
        "train_folder: output/whole/checkpoint-2.state.safetensors: is a run on shapes, which another "
        "program trains on\n");
  fs::create_directory(scratch.path / "output/mine");
  std::ofstream(scratch.path / "output/mine/notes.txt") << "mine";
  refused(linear_run + "--experiment mine --resume auto", 1,
          "output/mine: holds notes.txt, but no state to go on from");

  // Where there is nothing to go on with, auto starts anew; also where a run was killed before it came to anything.
  fs::create_directories(scratch.path / "output/fresh/images");
  for (const char* name : {"args.yaml", "summary.csv.tmp", "metrics.jsonl"}) {
    std::ofstream(scratch.path / "output/fresh" / name) << "";
  }
  std::ofstream(scratch.path / "output/fresh/summary.csv") << "epoch,train_loss\n";
  const Outcome fresh = run_program("train_cifar", linear_run + "--experiment fresh --resume auto", scratch);
  CHECK(fresh.exit_code == 0);
  CHECK((content(scratch.path / "output/fresh/last.safetensors") == weights));
}
