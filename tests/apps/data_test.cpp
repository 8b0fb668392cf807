#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "tests/support/picture_file.h"
#include "tests/support/program.h"

// The programs that look at data sets and weights, from outside.

using support::content;
using support::Outcome;
using support::run_program;
using support::Scratch;

namespace fs = std::filesystem;

namespace {

void write(const fs::path& path, const std::string& bytes) {
  fs::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << bytes;
}

/// Two classes of photographs: wide ones and tall ones, six for training and three for testing each.
void write_photographs(const fs::path& folder) {
  for (int i = 0; i < 6; ++i) {
    const std::string number = std::to_string(i);
    write(folder / "train/wide" / (number + ".jpg"), support::jpeg(60 + i, 40, 3).first);
    write(folder / "train/tall" / (number + ".png"), support::png(40, 60 + i, 3).first);
    if (i >= 3) continue;
    write(folder / "val/wide" / (number + ".jpg"), support::jpeg(50 + i, 40, 3).first);
    write(folder / "val/tall" / (number + ".png"), support::png(40, 50 + i, 3).first);
  }
}

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("train_folder trains on photographs, and validate tests what it wrote without being told more") {
  const Scratch scratch("folder");
  write_photographs(scratch.path / "pictures");
  const Outcome run =
      run_program("train_folder",
                  "--data-dir pictures --size 32 --batch-size 4 --epochs 1 --model resnet20 --mix cutmix "
                  "--loss dm --label-fraction 0.5 --experiment x",
                  scratch);
  REQUIRE_MESSAGE(run.exit_code == 0, run.err);
  CHECK(has(run.out, "folder: 6 training and 6 test images, 2 classes"));
  CHECK(has(run.out, "crop               resized\n"));  // as is customary
  CHECK_FALSE(has(run.out, "resize "));                 // as it usually is
  CHECK(has(content(scratch.path / "output/x/args.yaml"), "resize: auto\n"));

  const Outcome test = run_program(
      "validate",
      "--checkpoint output/x/last.safetensors --data-dir pictures --results-file r.json --confusion-file c.csv "
      "--predictions-file p.csv --json",
      scratch);
  REQUIRE_MESSAGE(test.exit_code == 0, test.err);
  const auto results = nlohmann::json::parse(test.out);
  CHECK(results == nlohmann::json::parse(content(scratch.path / "r.json")));
  CHECK(results["model"] == "resnet20");
  CHECK(results["dataset"] == "folder");
  CHECK(results["images"] == 6);
  CHECK(results["classes"] == nlohmann::json{"tall", "wide"});
  // What training saw after its epoch, to the digits of the summary.
  const std::string summary = content(scratch.path / "output/x/summary.csv");
  char row[64];
  std::snprintf(row, sizeof row, ",%.6f,%.4f,%.4f,", results["loss"].get<double>(), results["top1"].get<double>(),
                results["top5"].get<double>());
  CHECK_MESSAGE(has(summary, row), row);
  // The matrix and the predictions agree with the accuracy.
  int64_t right = 0, all = 0;
  for (size_t a = 0; a < 2; ++a) {
    for (size_t b = 0; b < 2; ++b) {
      const int64_t count = results["confusion"][a][b];
      all += count;
      right += a == b ? count : 0;
    }
  }
  CHECK(all == 6);
  CHECK(100.0 * static_cast<double>(right) / 6 == doctest::Approx(results["top1"].get<double>()));
  CHECK(content(scratch.path / "c.csv").starts_with("true \\ predicted,tall,wide\ntall,"));
  const std::string predictions = content(scratch.path / "p.csv");
  CHECK(predictions.starts_with("picture,label,predicted,tall,wide\n"));
  CHECK(std::count(predictions.begin(), predictions.end(), '\n') == 7);
  CHECK(has(predictions, "val/wide/2.jpg,wide,"));

  const Outcome csv = run_program(
      "validate", "--checkpoint output/x/last.safetensors --data-dir pictures --results-file r.csv", scratch);
  CHECK(csv.exit_code == 0);
  CHECK(has(csv.out, "true \\ predicted    tall    wide\n"));
  CHECK(content(scratch.path / "r.csv").starts_with("model,checkpoint,dataset,images,top1,top5,loss,"));
}

TEST_CASE("weights for other classes start a training without their head") {
  const Scratch scratch("head");
  write_photographs(scratch.path / "pictures");
  const std::string tiny = " --batch-size 4 --max-steps 1 --model resnet20 --experiment ";
  REQUIRE(run_program("train_cifar", "--shapes-train 20 --shapes-test 10" + tiny + "ten", scratch).exit_code == 0);
  const Outcome two = run_program(
      "train_folder", "--data-dir pictures --size 32 --init-checkpoint output/ten/last.safetensors" + tiny + "two",
      scratch);
  CHECK(two.exit_code == 0);
  CHECK(
      has(two.out, "output/ten/last.safetensors: its head is for 10 classes and is left out; a new one is trained\n"));
  const Outcome refused =
      run_program("validate", "--checkpoint output/ten/last.safetensors --dataset folder --data-dir pictures", scratch);
  CHECK(refused.exit_code == 1);
  CHECK(refused.err == "validate: output/ten/last.safetensors: is for 10 classes, and folder has 2\n");
}

TEST_CASE("check_dataset says what is in a data set, and by its exit code whether it can be trained on") {
  const Scratch scratch("check");
  write_photographs(scratch.path / "pictures");
  const std::string call = "--dataset folder --data-dir pictures ";
  const Outcome good = run_program("check_dataset", call, scratch);
  CHECK(good.exit_code == 0);
  CHECK(has(good.out, "train         12        2  6                      40 / 60 / 65           40 / 60 / 65"));
  CHECK(has(good.out, "folder: can be trained on\n"));

  write(scratch.path / "pictures/train/wide/3.jpg", support::jpeg(60, 40, 3).first.substr(0, 700));
  write(scratch.path / "pictures/val/tall/0.png", "nothing");
  const Outcome damaged = run_program("check_dataset", call, scratch);
  CHECK(damaged.exit_code == 1);
  CHECK(has(damaged.out, "train: damaged: pictures/train/wide/3.jpg: "));
  CHECK(has(damaged.out, "test: damaged: pictures/val/tall/0.png: neither JPEG nor PNG\n"));
  CHECK(has(damaged.out, "folder: cannot be trained on as it is\n"));
  CHECK(run_program("check_dataset", call + "--bad-images skip", scratch).exit_code == 0);

  fs::remove_all(scratch.path / "pictures/val");
  const Outcome half = run_program("check_dataset", call + "--json", scratch);
  CHECK(half.exit_code == 1);
  const auto found = nlohmann::json::parse(half.out);
  CHECK(found["usable"] == false);
  CHECK(found["splits"][0]["damaged"].size() == 1);
  CHECK(has(found["splits"][1]["errors"][0], "holds no folder of these names"));
  CHECK(run_program("check_dataset", "--dataset folder", scratch).exit_code == 1);
  CHECK(run_program("check_dataset", "", scratch).exit_code == 2);
}

TEST_CASE("damaged photographs stop a training, or are left out and told") {
  const Scratch scratch("bad");
  write_photographs(scratch.path / "pictures");
  write(scratch.path / "pictures/train/tall/2.png", "nothing");
  const std::string call = "--data-dir pictures --size 32 --batch-size 11 --max-steps 1 --model linear --experiment x ";
  const Outcome stopped = run_program("train_folder", call + "--batch-size 12", scratch);
  CHECK(stopped.exit_code == 1);
  CHECK(stopped.err == "train_folder: pictures/train/tall/2.png: neither JPEG nor PNG\n");
  const Outcome skipped = run_program("train_folder", call + "--bad-images skip --experiment y", scratch);
  CHECK(skipped.exit_code == 0);
  CHECK(skipped.err.starts_with("left out: pictures/train/tall/2.png: neither JPEG nor PNG\n"));
  CHECK(has(skipped.out, "folder: 11 training and 6 test images, 2 classes"));
}

TEST_CASE("a recipe sets what is not set otherwise") {
  const Scratch scratch("recipe");
  const Outcome list = run_program("train_cifar", "--recipe list", scratch);
  CHECK(list.exit_code == 0);
  CHECK(has(list.out, "cifar100-wrn28-8 (table 1"));
  CHECK_FALSE(has(list.out, "cub200"));
  // By another data set, so that it runs here.
  const Outcome run = run_program("train_cifar",
                                  "--recipe cifar100-r18 --dataset shapes --shapes-train 100 --shapes-test 10 --model "
                                  "linear --max-steps 1 --weight-decay=0.25 --mix none --experiment x",
                                  scratch);
  REQUIRE_MESSAGE(run.exit_code == 0, run.err);
  const std::string arguments = content(scratch.path / "output/x/args.yaml");
  for (const char* line : {"recipe: 'cifar100-r18'\n", "dataset: 'shapes'\n", "model: 'linear'\n", "epochs: 800\n",
                           "batch_size: 100\n", "lr: 0.1\n", "weight_decay: 0.25\n", "border: 'reflect'\n", "pad: 4\n",
                           "mix: 'none'\n", "loss: 'dm'\n", "dm_eta: 0.1\n"}) {
    CHECK_MESSAGE(has(arguments, line), line);
  }
  const Outcome alphas =
      run_program("train_cifar",
                  "--recipe cifar100-r18 --dataset shapes --shapes-train 100 --shapes-test 10 --model "
                  "linear --max-steps 1 --mixup 0.8 --cutmix=1",
                  scratch);
  CHECK(has(alphas.out, "mix                mixup@0.8"));
  write_photographs(scratch.path / "pictures");
  const Outcome fine =
      run_program("train_folder",
                  "--recipe cub200-r18 --dataset folder --data-dir pictures --size 32 --resize 36 -b 4 "
                  "--model linear --max-steps 1",
                  scratch);
  CHECK(fine.err.starts_with("note: recipe cub200-r18 is meant for ImageNet weights: --init-checkpoint\n"));
  CHECK(has(run_program("train_folder", "--recipe cub-r18", scratch).err, "did you mean 'cub200-r18'?"));
}

TEST_CASE("what was computed is told, also where it cannot be written, and where names are not UTF-8") {
  const Scratch scratch("told");
  write_photographs(scratch.path / "pictures");
  for (const char* part : {"train", "val"}) {
    fs::rename(scratch.path / "pictures" / part / "tall", scratch.path / "pictures" / part / "caf\xe9");
  }
  write(scratch.path / "pictures/val/wide/0.jpg", "damaged");
  const std::string call = "--data-dir pictures --size 16 --model linear -b 4 --epochs 1 --experiment x ";
  const Outcome stopped = run_program("train_folder", call, scratch);
  CHECK(stopped.exit_code == 1);
  CHECK(has(stopped.err, "val/wide/0.jpg: neither JPEG nor PNG\n"));
  CHECK(fs::exists(scratch.path / "output/x/last.safetensors"));  // the epoch is not lost
  const std::string test = "--checkpoint output/x/last.safetensors --data-dir pictures ";
  const Outcome json = run_program("validate", test + "--bad-images skip --json", scratch);
  REQUIRE_MESSAGE(json.exit_code == 0, json.err);
  CHECK(nlohmann::json::parse(json.out)["classes"][0] == "caf\xef\xbf\xbd");
  CHECK(run_program("check_dataset", "--dataset folder --data-dir pictures --json", scratch).exit_code == 1);
  const Outcome nowhere = run_program("validate", test + "--results-file no/such/folder.json", scratch);
  CHECK(nowhere.exit_code == 1);
  CHECK(nowhere.err == "validate: no/such/folder.json: cannot be written: No such file or directory\n");
  CHECK(run_program("validate", test + "--results-file a.csv --confusion-file a.csv", scratch).exit_code == 2);
}

TEST_CASE("a data set that is there is not downloaded, however its folder is given") {
  const Scratch scratch("there");
  const fs::path folder = scratch.path / "data/cifar-10-batches-bin";
  for (const char* name : {"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin",
                           "data_batch_5.bin", "test_batch.bin", "batches.meta.txt"}) {
    write(folder / name, "");
  }
  fs::create_directory_symlink(folder, scratch.path / "link");
  const std::string call = "--dataset cifar10 --download --data-url http://127.0.0.1:1/x --data-dir ";
  for (const char* given : {"data", "data/", "data/cifar-10-batches-bin", "data/cifar-10-batches-bin/", "link"}) {
    CHECK_MESSAGE(has(run_program("train_cifar", call + given, scratch).err, "has 0 bytes, not"), given);
  }
  fs::remove(folder / "data_batch_3.bin");
  CHECK(
      has(run_program("train_cifar", call + "data", scratch).err, "is there, but not all of its files are: remove it"));
  // A folder that is to be made is told by its name.
  CHECK(has(run_program("train_cifar", call + "new/cifar-10-batches-bin", scratch).err, "127.0.0.1"));
  CHECK_FALSE(fs::exists(scratch.path / "new/cifar-10-batches-bin/cifar-10-batches-bin"));
}

TEST_CASE("what is wrong with a call about data or weights is one line, and nothing is written") {
  const Scratch scratch("wrong");
  write_photographs(scratch.path / "pictures");
  write(scratch.path / "short.safetensors", "short");
  const auto refused = [&](const std::string& program, const std::string& arguments, int code,
                           const std::string& part) {
    const Outcome run = run_program(program, arguments, scratch);
    CAPTURE(arguments);
    CHECK(run.exit_code == code);
    CHECK_MESSAGE(has(run.err, part), run.err);
    CHECK(std::count(run.err.begin(), run.err.end(), '\n') == 1);
    CHECK_FALSE(fs::exists(scratch.path / "output"));
  };
  refused("train_folder", "", 1, "folder: --data-dir is needed: the folder that holds train and val");
  refused("train_folder", "--data-dir pictures --size 64 --resize 60", 2, "--resize 60 is below --size 64");
  refused("train_folder", "--data-dir pictures --size 16 --crop pad --pad 16", 2, "--pad 16 is not below");
  refused("train_folder", "--data-dir pictures --label-fraction 0", 2, "is not a number from 1e-06 to 1");
  refused("train_folder", "--data-dir pictures -b 4 --init-checkpoint short.safetensors", 1,
          "short.safetensors: has 5 bytes");
  refused("train_folder", "--data-dir pictures --dataset cifar10", 2, "unknown data set 'cifar10'");
  refused("train_cifar", "--download --dataset cifar10", 2, "--data-dir is needed");
  refused("train_cifar", "--download --data-dir d", 2, "--download: unknown data set to download 'shapes'");
  refused("train_cifar", "--data-url http://localhost/", 2, "--data-url: without --download it is not read");
  refused("train_cifar", "--dataset cifar10 --download --data-dir d --data-url http://127.0.0.1:1/x", 1,
          "http://127.0.0.1:1/x: ");
  refused("validate", "--checkpoint short.safetensors --results-file r.txt", 2, "'r.txt' does not end in .json .csv");
  refused("validate", "", 2, "--checkpoint is needed");
  refused("validate", "--checkpoint none.safetensors", 1, "none.safetensors: No such file");
  refused("validate", "--checkpoint short.safetensors", 1, "short.safetensors: has 5 bytes");
}
