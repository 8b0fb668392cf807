#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <sstream>
#include <vector>

#include "tests/support/program.h"

using support::content;
using support::Outcome;
using support::run_program;
using support::Scratch;

namespace fs = std::filesystem;

namespace {

const std::string tiny =
    "--dataset shapes --shapes-train 200 --shapes-test 60 --batch-size 20 --mix cutmix --loss dm --epochs 2 ";

}  // namespace

TEST_CASE("train_cifar writes a table, a run folder by timm's names, and says where it is") {
  const Scratch scratch("train");
  const Outcome run = run_program("train_cifar", tiny + "--experiment demo --model linear --log-interval 4", scratch);
  CHECK(run.exit_code == 0);
  CHECK(run.out.find("epoch   train    test  top-1  top-5") != std::string::npos);
  CHECK(run.out.find("final accuracy: ") != std::string::npos);
  CHECK(run.out.find("run folder: output/demo") != std::string::npos);
  CHECK(run.out.find("mix-alpha          0.2\n") != std::string::npos);  // resolved from the policy
  CHECK(run.err.find("epoch 1/2  step 4/10 (40%)  loss ") != std::string::npos);
  CHECK(run.err.find("images/s  eta ") != std::string::npos);
  CHECK(run.err.find("data wait ") != std::string::npos);
  CHECK(run.err.find('\r') == std::string::npos);

  const std::string summary = content(scratch.path / "output/demo/summary.csv");
  CHECK(summary.starts_with("epoch,train_loss,eval_loss,eval_top1,eval_top5,mixed_top1,mixed_top2,lr\n1,"));
  CHECK(std::count(summary.begin(), summary.end(), '\n') == 3);
  const std::string arguments = content(scratch.path / "output/demo/args.yaml");
  for (const char* line : {"dataset: 'shapes'\n", "batch_size: 20\n", "mix: 'cutmix'\n", "loss: 'dm'\n",
                           "warmup_lr: 1.0e-05\n", "dm_eta: 0.1\n", "nesterov: false\n", "data_dir: ''\n"}) {
    CHECK(arguments.find(line) != std::string::npos);
  }
  CHECK(content(scratch.path / "output/demo/last.safetensors").find("fc.weight") != std::string::npos);
}

TEST_CASE("the same seed gives the same bits in two runs and for any number of threads and workers") {
  const Scratch scratch("bits");
  const std::string arguments = tiny + "--max-steps 14 ";
  for (const auto& [name, machine] : {std::pair{"a", "--threads 1"},
                                      {"b", "--threads 2 -j 2"},
                                      {"c", "--threads 2"},
                                      {"d", "--threads 3 --workers 0"}}) {
    CHECK(run_program("train_cifar", arguments + machine + " --experiment " + name, scratch).exit_code == 0);
  }
  CHECK(run_program("train_cifar", arguments + "--seed 43 --experiment other", scratch).exit_code == 0);
  const fs::path output = scratch.path / "output";
  for (const char* file : {"summary.csv", "last.safetensors"}) {
    const std::string first = content(output / "a" / file);
    CHECK(first.size() > 100);
    for (const char* name : {"b", "c", "d"}) CHECK((content(output / name / file) == first));
    CHECK((content(output / "other" / file) != first));
  }
}

TEST_CASE("training learns: a small network knows forty pictures by heart after 240 steps") {
  const Scratch scratch("learn");
  const Outcome run = run_program("train_cifar",
                                  "--shapes-train 40 --shapes-test 10 -b 10 --epochs 60 --lr 0.05 --nesterov "
                                  "--mix none --loss ce --experiment x",
                                  scratch);
  REQUIRE(run.exit_code == 0);
  const std::string summary = content(scratch.path / "output/x/summary.csv");
  const std::string last = summary.substr(summary.find("\n60,") + 4);
  CHECK(std::stod(last) < 1);  // the training loss; guessing is log 10 = 2.3
}

TEST_CASE("flags may use - or _, have short and other names, and --help shows groups and defaults") {
  const Scratch scratch("flags");
  const Outcome help = run_program("train_cifar", "--help", scratch);
  CHECK(help.exit_code == 0);
  for (const char* part :
       {"\n  Mixing and loss\n", "--dm-eta NUMBER", "-b, --batch-size NUMBER   Images in a step. Default: 128.\n",
        "\n  Machine\n", "Names: none,\n", "EXAMPLES\n  train_cifar --mix cutmix --loss dm\n", "\n  args.yaml  ",
        "\n  129, 130, 143  Stopped"}) {
    CAPTURE(part);
    CHECK(help.out.find(part) != std::string::npos);
  }
  CHECK(run_program(
            "train_cifar",
            "--shapes_train=40 --shapes_test 20 --batch_size 20 --max_steps 1 --arch linear --wd 0 --print_freq=1",
            scratch)
            .exit_code == 0);
  CHECK(std::distance(fs::directory_iterator(scratch.path / "output"), {}) == 1);
}

TEST_CASE("help, a manual page and completion are given wherever they are asked for, whatever else is wrong") {
  const Scratch scratch("asked");
  struct Ask {
    const char *arguments, *begin;
  };
  for (const Ask& ask : std::initializer_list<Ask>{{"--epochs many --help", "NAME\n"},
                                                   {"-h --unknown", "NAME\n"},
                                                   {"--dataset cifar10 --data-dir nowhere stray -h", "NAME\n"},
                                                   {"--resume nowhere --man", ".TH "},
                                                   {"--loss --completion bash", "# bash completion for "},
                                                   {"--recipe nothing --completion=zsh -b", "#compdef "},
                                                   {"--completion fish --max-steps 1", "# fish completion for "}}) {
    for (const char* program :
         {"train_cifar", "train_folder", "validate", "check_dataset", "loss", "mixes", "report"}) {
      CAPTURE(program);
      CAPTURE(ask.arguments);
      const Outcome run = run_program(program, ask.arguments, scratch);
      CHECK(run.exit_code == 0);
      CHECK(run.out.starts_with(ask.begin));
      CHECK(run.err.empty());
    }
  }
  CHECK_FALSE(fs::exists(scratch.path / "output"));
}

TEST_CASE("help is bold on a terminal and as wide, unless NO_COLOR is set") {
  const Scratch scratch("terminal");
  const auto shown = [&](const std::string& variables) {
    const std::string command = "cd '" + scratch.path.string() + "' && " + variables +
                                " script -qec \"stty cols 66; '" DEMIX_APPS "/train_cifar' -h\" /dev/null > out.txt";
    CHECK(std::system(command.c_str()) == 0);
    return content(scratch.path / "out.txt");
  };
  const std::string page = shown("env -u NO_COLOR");
  CHECK(page.find("\033[1mOPTIONS\033[0m") != std::string::npos);
  CHECK(shown("NO_COLOR= ") == page);
  const std::string plain = shown("NO_COLOR=1");
  CHECK(plain.find('\033') == std::string::npos);
  size_t longest = 0;
  std::istringstream lines(plain);
  for (std::string line; std::getline(lines, line);) longest = std::max(longest, line.find('\r'));
  CHECK(longest <= 66);
  CHECK(longest > 60);
}

TEST_CASE("bad input is one line and a non-zero exit code, before any run folder is made") {
  const Scratch scratch("bad");
  fs::create_directories(scratch.path / "empty/cifar-10-batches-bin");
  std::ofstream(scratch.path / "file") << "x";
  struct Bad {
    const char* arguments;
    int exit_code;
    const char* part;
  };
  for (const Bad& bad : std::initializer_list<Bad>{
           {"--model resnet19", 2, "unknown model 'resnet19': did you mean 'resnet18'? known: linear, resnet18"},
           {"--mix cutmux", 2, "did you mean 'cutmix'?"},
           {"--loss dn", 2, "did you mean 'dm'?"},
           {"--dataset cifar", 2, "did you mean 'cifar10'?"},
           {"--sched cosin", 2, "did you mean 'cosine'?"},
           {"--device gpu", 2, "known: cpu, cuda"},
           {"--amp", 2, "--amp: only on a GPU: --device cuda"},
           {"--epoch 3", 2, "unknown argument '--epoch': did you mean --epochs?"},
           {"--epoch", 2, "unknown argument '--epoch': did you mean --epochs?"},
           {"--batchsize 3", 2, "did you mean --batch-size?"},
           {"-epochs 3", 2, "unknown argument '-epochs': did you mean --epochs?"},
           {"epochs 3", 2, "unknown argument 'epochs': did you mean --epochs?"},
           {"--mixs cutmix", 2, "did you mean --mix?"},
           {"--losss dm", 2, "did you mean --loss?"},
           {"--loss dmm", 2, "--loss: unknown loss 'dmm': did you mean 'dm'?"},
           {"--loss x", 2, "--loss: unknown loss 'x': known: ce"},
           {"--all", 2, "unknown argument '--all' (--help"},
           {"--", 2, "unknown argument '--' (--help"},
           {"-", 2, "unknown argument '-' (--help"},
           {"''", 2, "unknown argument '' (--help"},
           {"\"$(printf 'a\\nb')\"", 2, "unknown argument 'a b'"},
           {"--mix_alfa=3", 2, "did you mean --mix-alpha?"},
           {"-x", 2, "unknown argument '-x' (--help"},
           {"--experiment a/b", 2, "'a/b' is not the name of one folder"},
           {"--experiment \"$(printf 'a\\nb')\"", 2, "'a b' is not the name of one folder"},
           {"--dry-run --overfit-batch", 2, "--dry-run and --overfit-batch: one of them at a time"},
           {"--report nothing", 1, "nothing: is not the folder of a run: it has no args.yaml"},
           {"--output ''", 2, "--output: must not be empty"},
           {"--warmup-epochs 11", 2, "never reach --lr"},
           {"--init-checkpoint nowhere.safetensors", 1, "nowhere.safetensors: No such file"},
           {"stray", 2, "unknown argument 'stray'"},
           {"--epochs 0", 2, "--epochs: '0' is not a number from 1"},
           {"--epochs many", 2, "--epochs"},
           {"--batch-size -5", 2, "--batch-size"},
           {"--lr nan", 2, "--lr"},
           {"--mix-prob 1.5", 2, "from 0 to 1"},
           {"--mix cutmix --mix-alpha 0.0001", 2, "--mix-alpha: '0.0001' is not a number from 0.001"},
           {"--mix cutmix --mix-alpha 0", 2, "--mix-alpha: '0' is not a number"},
           {"--mix cutmix --mix-alpha x", 2, "--mix-alpha: 'x' is not a number"},
           {"--mix smoothmix --mix-alpha 1", 2, "mix-alpha: smoothmix has no alpha"},
           {"--mix mixup+cutmux", 2, "did you mean 'cutmix'?"},
           {"--mix cutmix --mixup 1", 2, "--mix: not together with --mixup"},
           {"--mixup 1 --mix-alpha 1", 2, "--mix-alpha: not together with --mixup"},
           {"--mixup -1", 2, "--mixup"},
           {"--mix mixup@0", 2, "mix-alpha: 0 is not from 0.001"},
           {"--mix mixup --mix-switch-prob 0.3", 2, "mix-switch-prob: for two policies"},
           {"--mix mixup --mix-mode image", 2, "unknown mode 'image': known: batch, elem"},
           {"--mix mixup -b 1", 2, "a batch of one image has no partner to offer"},
           {"--shapes-train 40 --shapes-test 20 -b 20 --mix manifoldmix --model linear", 1,
            "manifoldmix mixes in stages 0 to 2 of a network, and this one has 0"},
           {"--loss dm --dm-eta -1", 2, "--dm-eta: '-1' is not a number from 0"},
           {"--loss dm --dm-eta nan", 2, "--dm-eta"},
           {"--loss dm --dm-sides left", 2, "unknown side 'left': known: both, minor, major, labeled"},
           {"--loss dm-bce --dm-xi 0", 2, "--dm-xi: '0' is not a number"},
           {"--loss dm-bce --dm-xi 1.5", 2, "--dm-xi: '1.5' is not a number"},
           {"--loss dm-bce --dm-t -1", 2, "--dm-t: '-1' is not a number from 0"},
           {"--loss ce --dm-eta 1", 2, "--dm-eta: --loss ce does not read it"},
           {"--loss dm-bce --bce-target two", 2, "--bce-target: --loss dm-bce does not read it"},
           {"--smoothing 1", 2, "--smoothing"},
           {"--momentum 1", 2, "--momentum"},
           {"--threads 100000", 2, "--threads"},
           {"--seed -1", 2, "--seed"},
           {"--epochs", 2, "--epochs needs a value: NUMBER (--help"},
           {"-b", 2, "-b needs a value: NUMBER (--help"},
           {"--loss", 2, "--loss needs a value: ce, dm, bce, dm-bce (--help"},
           {"--resume", 2, "--resume needs a value: auto, PATH (--help"},
           {"--experiment --epochs 3", 2, "--experiment needs a value: NAME"},
           {"--experiment --epoch 3", 2, "--experiment needs a value: NAME"},
           {"--experiment -b 20", 2, "--experiment needs a value: NAME"},
           {"--loss= --epochs 3", 2, "--loss: unknown loss ''"},
           {"--data-dir=", 2, "--data-dir: must not be empty"},
           {"--epochs 3 4", 2, "unknown argument '4'"},
           {"--epochs 1.5", 2, "--epochs: '1.5' is not a whole number"},
           {"--epochs 1e1", 2, "--epochs: '1e1' is not a whole number"},
           {"--epochs 99999999999999999999", 2, "--epochs: '99999999999999999999' is not a number from 1"},
           {"--dry-run yes", 2, "unknown argument 'yes'"},
           {"--nesterov=maybe", 2, "--nesterov: 'maybe' is neither true nor false"},
           {"--completion", 2, "--completion needs a value: bash, zsh, fish"},
           {"--completion tcsh", 2, "unknown shell 'tcsh'"},
           {"--dataset cifar10", 1, "--data-dir is needed"},
           {"--dataset cifar10 --data-dir nowhere", 1, "nowhere is not a folder"},
           {"--dataset cifar10 --data-dir empty", 1, "data_batch_1.bin: No such file or directory"},
           {"--shapes-train 100 --shapes-test 20 --batch-size 200", 1, "do not fill one batch of 200"},
           {"--shapes-train 40 --shapes-test 20 -b 20 --output file", 1, "file: the output folder cannot be made"},
           {"--shapes-train 40 --shapes-test 20 -b 20 --output /proc/nothing", 1,
            "/proc/nothing: the output folder cannot be made"},
       }) {
    CAPTURE(bad.arguments);
    const Outcome run = run_program("train_cifar", std::string(bad.arguments) + " --max-steps 1", scratch);
    CAPTURE(run.err);
    CHECK(run.exit_code == bad.exit_code);
    CHECK(run.err.starts_with("train_cifar: "));
    CHECK(run.err.find(bad.part) != std::string::npos);
    CHECK(std::count(run.err.begin(), run.err.end(), '\n') == 1);
    CHECK(run.err.ends_with("\n"));
    CHECK(run.out.empty());
    CHECK_FALSE(fs::exists(scratch.path / "output"));
    fs::remove_all(scratch.path / "output");
  }
}

TEST_CASE("on a GPU the programs train, go on and test; where there is none they say so in one line") {
  const Scratch scratch("gpu");
  const std::string flags =
      "--dataset shapes --shapes-train 64 --shapes-test 32 --model resnet20 --batch-size 16 --mix cutmix --loss dm "
      "--device cuda --experiment run";
  const Outcome first = run_program("train_cifar", flags + " --epochs 1", scratch);
  CAPTURE(first.err);
  if (first.exit_code != 0) {
    CHECK(first.exit_code == 1);
    CHECK(first.err.starts_with("train_cifar: device cuda: "));
    CHECK(first.err.ends_with("; use --device cpu\n"));
    CHECK(std::count(first.err.begin(), first.err.end(), '\n') == 1);
    CHECK_FALSE(fs::exists(scratch.path / "output"));
    return;
  }
  CHECK(first.out.find(" of the GPU were used at most") != std::string::npos);
  CHECK(fs::exists(scratch.path / "output/run/images/cam.png"));
  const Outcome test =
      run_program("validate", "--checkpoint output/run/last.safetensors --shapes-test 32 --device cuda", scratch);
  CHECK(test.exit_code == 0);
  CHECK(run_program("train_cifar", flags + " --epochs 1 --dry-run", scratch).exit_code == 0);
  CHECK(run_program("train_cifar", flags + "-amp --epochs 1 --amp", scratch).exit_code == 0);
  CHECK(content(scratch.path / "output/run-amp/args.yaml").find("amp: true\n") != std::string::npos);

  // Of a training whose weights grow until they are not finite it tells the same as on the CPU, of the same steps.
  for (const char* on_nan : {"skip", "rollback", "stop"}) {
    CAPTURE(std::string(on_nan));
    const auto told_on = [&](const std::string& device) {
      const Outcome run =
          run_program("train_cifar",
                      "--shapes-train 400 --shapes-test 20 -b 20 --epochs 2 --model linear --momentum 0 "
                      "--lr 0.1 --wd 400 --sched constant --log-interval 7 --recovery-interval 4 "
                      "--experiment " +
                          device + on_nan + " --on-nan " + on_nan + " --device " + device,
                      scratch);
      std::istringstream lines(run.err);
      std::string told;
      for (std::string line; std::getline(lines, line);) told += line.substr(0, line.find("  lr ")) + "\n";
      return told;
    };
    const std::string expected = told_on("cpu");
    CHECK(expected.find("is not finite") != std::string::npos);
    CHECK(expected.find("loss") != std::string::npos);
    CHECK(told_on("cuda") == expected);
  }
}

TEST_CASE("args.yaml holds every digit of a number, and the last of two equal flags counts") {
  const Scratch scratch("digits");
  const std::string arguments =
      "--shapes-train 40 --shapes-test 20 -b 20 --max-steps 1 --model linear --experiment on ";
  CHECK(run_program("train_cifar", arguments + "--lr 0.5 --lr 0.0123456789", scratch).exit_code == 0);
  const std::string yaml = content(scratch.path / "output/on/args.yaml");
  CHECK(yaml.find("lr: 0.0123456789\n") != std::string::npos);
  CHECK(yaml.find("experiment: 'on'\n") != std::string::npos);
}

TEST_CASE("every flag of losses and mixing changes what is learned") {
  const Scratch scratch("wired");
  const std::string arguments = "--shapes-train 60 --shapes-test 20 -b 20 --epochs 2 --model linear --lr 0.01 ";
  int number = 0;
  const auto summary = [&](const std::string& flags) {
    const std::string name = "run" + std::to_string(number++);
    CAPTURE(flags);
    REQUIRE(run_program("train_cifar", arguments + flags + " --experiment " + name, scratch).exit_code == 0);
    return content(scratch.path / "output" / name / "summary.csv");
  };
  for (const auto& [base, flags] : std::initializer_list<std::pair<std::string, std::vector<const char*>>>{
           {"--mix mixup --loss dm",
            {"--dm-eta 1", "--dm-weight-power 1", "--dm-sides minor", "--dm-min-share 0.45", "--smoothing 0.1",
             "--mix-alpha 0.1", "--mix-prob 0.3", "--mix-mode elem", "--mix-off-epoch 1", "--seed 3"}},
           {"--mix mixup --loss bce", {"--bce-target two", "--bce-reduction mean"}},
           {"--mix mixup --loss dm-bce", {"--dm-t 2", "--dm-xi 0.5", "--dm-t 1 --dm-xi 0.8"}},
           {"--mix mixup+cutmix --loss ce", {"--mix-switch-prob 0.9"}}}) {
    const std::string usual = summary(base);
    for (const char* flag : flags) {
      CAPTURE(flag);
      CHECK((summary(base + " " + flag) != usual));
    }
  }
  CHECK((summary("--mix mixup --loss dm-bce") == summary("--mix mixup --loss dm-bce --dm-t 0.5 --dm-xi 1")));
  CHECK((summary("--mix cutmix --loss dm-bce") == summary("--mix cutmix --loss dm-bce --dm-t 1 --dm-xi 0.8")));
}

TEST_CASE("timm's --mixup and --cutmix are alphas, and both together take turns") {
  const Scratch scratch("timm");
  const std::string arguments = "--shapes-train 40 --shapes-test 20 -b 20 --max-steps 1 --model linear ";
  for (const auto& [given, expected] : std::initializer_list<std::pair<const char*, const char*>>{
           {"--mixup 0.8", "mix: 'mixup'\nmix_alpha: 0.8\n"},
           {"--mixup 0.8 --cutmix 1.0", "mix: 'mixup@0.8:1+cutmix@1:1'\nmix_alpha: auto\n"},
           {"--mixup 0.8 --cutmix 1.0 --mixup-switch-prob 0.25",
            "mix: 'mixup@0.8:0.75+cutmix@1:0.25'\nmix_alpha: auto\n"},
           {"--mix cutmix", "mix: 'cutmix'\nmix_alpha: 0.2\n"}}) {
    const std::string flags = given;
    CAPTURE(flags);
    const std::string name = "run" + std::to_string(flags.size());
    REQUIRE(run_program("train_cifar", arguments + flags + " --experiment " + name, scratch).exit_code == 0);
    CHECK(content(scratch.path / "output" / name / "args.yaml").find(expected) != std::string::npos);
  }
}

TEST_CASE("training can start from the weights of another run") {
  const Scratch scratch("init");
  const std::string arguments = "--shapes-train 40 --shapes-test 20 -b 20 --max-steps 1 --model linear --lr 0 ";
  CHECK(run_program("train_cifar", arguments + "--seed 1 --experiment a", scratch).exit_code == 0);
  CHECK(run_program("train_cifar", arguments + "--seed 2 --experiment b --init-checkpoint output/a/last.safetensors",
                    scratch)
            .exit_code == 0);
  CHECK((content(scratch.path / "output/a/last.safetensors") == content(scratch.path / "output/b/last.safetensors")));
}

TEST_CASE("a run folder holds the steps, the environment, the best weights, the confusion matrix and a sheet") {
  const Scratch scratch("holds");
  const Outcome run = run_program("train_cifar",
                                  "--shapes-train 100 --shapes-test 40 -b 20 --epochs 6 --lr 0.3 --mix cutmix "
                                  "--log-interval 2 --checkpoint-hist 2 --experiment x",
                                  scratch);
  REQUIRE_MESSAGE(run.exit_code == 0, run.err);
  const fs::path folder = scratch.path / "output/x";
  std::istringstream metrics(content(folder / "metrics.jsonl"));
  std::vector<int64_t> steps;
  for (std::string line; std::getline(metrics, line);) {
    const auto entry = nlohmann::json::parse(line);
    steps.push_back(entry["step"]);
    CHECK(entry["epoch"] == (steps.back() + 4) / 5);
    for (const char* name : {"loss", "lr", "images_per_second", "data_wait"}) CHECK(entry[name].is_number());
  }
  CHECK(steps == std::vector<int64_t>{2, 4, 5, 6, 8, 10, 12, 14, 15, 16, 18, 20, 22, 24, 25, 26, 28, 30});
  const auto environment = nlohmann::json::parse(content(folder / "env.json"));
  CHECK(environment["data"]["train"]["images"] == 100);
  CHECK(environment["data"]["train"]["sha256"].get<std::string>().size() == 64);
  CHECK(environment["data"]["train"]["sha256"] != environment["data"]["test"]["sha256"]);
  CHECK(environment["parameters"] == 272474);
  CHECK(content(folder / "report.html").find("272,474") != std::string::npos);
  CHECK(content(folder / "images/mixed.png").starts_with("\x89PNG"));
  CHECK(content(folder / "confusion.csv").starts_with("true \\ predicted,circle,"));

  // The two best epochs by the summary, of equal ones the earlier.
  std::istringstream summary(content(folder / "summary.csv"));
  std::vector<std::pair<double, int64_t>> order;
  std::string line;
  std::getline(summary, line);
  while (std::getline(summary, line)) {
    std::istringstream fields(line);
    std::string field;
    for (int i = 0; i < 4; ++i) std::getline(fields, field, ',');
    order.emplace_back(-std::stod(field), static_cast<int64_t>(order.size()) + 1);
  }
  std::sort(order.begin(), order.end());
  for (size_t i = 0; i < order.size(); ++i) {
    const fs::path file = folder / ("checkpoint-" + std::to_string(order[i].second) + ".safetensors");
    CHECK(fs::exists(file) == (i < 2));
    if (i == 0) CHECK((content(file) == content(folder / "model_best.safetensors")));
    if (order[i].second == 6 && i < 2) CHECK((content(file) == content(folder / "last.safetensors")));
  }
}

TEST_CASE("a run can be repeated from its args.yaml, and the command line wins") {
  const Scratch scratch("config");
  REQUIRE(run_program("train_cifar", tiny + "--model linear --lr 0.05 --nesterov --experiment \"it's\"", scratch)
              .exit_code == 0);
  const Outcome again = run_program("train_cifar", "-c \"output/it's/args.yaml\" --experiment again", scratch);
  CHECK_MESSAGE(again.exit_code == 0, again.err);
  CHECK(content(scratch.path / "output/again/summary.csv") == content(scratch.path / "output/it's/summary.csv"));
  const Outcome other =
      run_program("train_cifar", "--lr 0.5 --config \"output/it's/args.yaml\" --experiment other", scratch);
  CHECK(other.out.find("lr                 0.5\n") != std::string::npos);
  CHECK(other.out.find("nesterov           true\n") != std::string::npos);
  CHECK(run_program("train_cifar", "-cnone.yaml", scratch).err.find("none.yaml: No such file") != std::string::npos);
  const auto refused = [&](const std::string& file, const std::string& part) {
    std::ofstream(scratch.path / "bad.yaml") << file;
    const Outcome run = run_program("train_cifar", "-c bad.yaml", scratch);
    CHECK(run.exit_code != 0);
    CHECK_MESSAGE(run.err.find(part) != std::string::npos, run.err);
    CHECK(std::count(run.err.begin(), run.err.end(), '\n') == 1);
  };
  refused("lr: 0.1\nepochz: 3\n", "bad.yaml: unknown flag 'epochz': did you mean 'epochs'?");
  refused("# fine\nlr 0.1\n", "bad.yaml:2: is not 'name: value'");
  refused("lr: 0.1\nlr 0.2\n", "bad.yaml:2: is not 'name: value'");
  refused("lr: 0.1\nlr 0.2\nwd: 0\n", "bad.yaml:3: illegal map value");
  refused("lr:\n  wd: 0\n", "bad.yaml:1: is not 'name: value'");
  refused("lr: [0.1, 0.2]\n", "bad.yaml:1: is not 'name: value'");
  refused("- lr\n", "bad.yaml:1: is not 'name: value'");
  refused("lr: 0.1\n---\nlr: 0.2\n", "bad.yaml:3: is not 'name: value'");
  refused("mix: 'cutmix\n", "bad.yaml:1: illegal EOF in scalar");
  refused("mix: \"cutmix\nlr: 0.1\nepochs: 1\n\n", "bad.yaml:3: illegal EOF in scalar");
  refused("lr: 0.1\nepochs:\n", "bad.yaml:2: is not 'name: value'");
  refused("nesterov\n", "bad.yaml:1: is not 'name: value'");
  refused("lr: fast\n", "bad.yaml: --lr: 'fast' is not a number");
  const Outcome latin = run_program("train_cifar", "--experiment \"$(printf 'f\\374r')\"", scratch);
  CHECK(latin.exit_code == 2);
  CHECK(latin.err == "train_cifar: --experiment: is not UTF-8, and could not be kept in the run folder\n");
  std::ofstream(scratch.path / "good.yaml")
      << "\xef\xbb\xbf---  # a comment\r\n\r\nmodel: \"linear\"  # another\r\n  \r\nwd: 0\r\n"
         "max-steps: 1\r\nshapes_train: 40\r\nshapes_test: 30\r\nexperiment: 'not this'\r\n...\r\n";
  const Outcome good = run_program("train_cifar", "-c good.yaml -b 20 --shapes-test 20 --experiment good", scratch);
  CHECK_MESSAGE(good.exit_code == 0, good.err);
  CHECK(content(scratch.path / "output/good/args.yaml").find("\nshapes_train: 40\n") != std::string::npos);
  CHECK(run_program("train_cifar", "-c none.yaml", scratch).err.find("none.yaml: No such file") != std::string::npos);
}

TEST_CASE("an existing run folder is never overwritten, and two unnamed runs get two folders") {
  const Scratch scratch("again");
  const std::string arguments = "--shapes-train 40 --shapes-test 20 -b 20 --max-steps 1 --model linear ";
  CHECK(run_program("train_cifar", arguments + "--experiment x", scratch).exit_code == 0);
  const std::string before = content(scratch.path / "output/x/summary.csv");
  const Outcome again = run_program("train_cifar", arguments + "--experiment x --seed 9", scratch);
  CHECK(again.exit_code == 1);
  CHECK(again.err ==
        "train_cifar: output/x: exists already and is left as it is; choose another --experiment, or go on in it with "
        "--resume auto\n");
  CHECK(content(scratch.path / "output/x/summary.csv") == before);
  for (int i = 0; i < 2; ++i) CHECK(run_program("train_cifar", arguments, scratch).exit_code == 0);
  CHECK(std::distance(fs::directory_iterator(scratch.path / "output"), {}) == 3);
}

TEST_CASE("a loss that is no longer finite stops the run with one line") {
  const Scratch scratch("nan");
  const Outcome run = run_program("train_cifar", tiny + "--lr 100000 --model resnet20", scratch);
  CHECK(run.exit_code == 1);
  CHECK(run.err.find("try a lower learning rate") != std::string::npos);
}

TEST_CASE("optimizers, clipping, accumulation, an average of the weights and the ways to build a network are flags") {
  const Scratch scratch("more");
  const std::string arguments = "--shapes-train 80 --shapes-test 20 -b 20 --epochs 1 --model resnet20 --experiment ";
  REQUIRE(
      run_program("train_cifar",
                  arguments +
                      "a --opt adamw --lr 0.001 --clip-grad 1 --grad-accum-steps 3 --model-ema --model-ema-decay 0.9 "
                      "--stem imagenet --bn-momentum 0.01 --bn-eps 0.001 --leaky-relu 0.1 --zero-init-last",
                  scratch)
          .exit_code == 0);
  const std::string last = content(scratch.path / "output/a/last.safetensors"),
                    average = content(scratch.path / "output/a/last.ema.safetensors");
  CHECK(last.size() == average.size());
  CHECK((last != average));
  REQUIRE(run_program("train_cifar", arguments + "b --opt lamb --lr 0.01", scratch).exit_code == 0);
  CHECK_FALSE(fs::exists(scratch.path / "output/b/last.ema.safetensors"));
  const Outcome list = run_program("train_cifar", "--model list", scratch);
  CHECK(list.exit_code == 0);
  CHECK(list.out.find("resnet18           11173962              555422720\n") != std::string::npos);
  CHECK(run_program("train_cifar", "--model-ema-decay 0.9", scratch).exit_code == 2);
  CHECK(run_program("train_cifar", "--opt adam", scratch).err.find("did you mean 'adamw'?") != std::string::npos);
}

TEST_CASE("the gradients of several batches together are those of a large one") {
  // A linear model has no batch statistics, and the order of the images is the same, so the weights must agree.
  const Scratch scratch("accumulate");
  const std::string arguments = "--shapes-train 80 --shapes-test 20 --epochs 2 --model linear --lr 0.01 --experiment ";
  REQUIRE(run_program("train_cifar", arguments + "large -b 40", scratch).exit_code == 0);
  REQUIRE(run_program("train_cifar", arguments + "small -b 10 --grad-accum-steps 4", scratch).exit_code == 0);
  const auto loss = [&](const char* name) {
    const std::string summary = content(scratch.path / "output" / name / "summary.csv");
    return std::stod(summary.substr(summary.find("\n2,") + 3));
  };
  CHECK(loss("small") == doctest::Approx(loss("large")).epsilon(1e-5));
}

TEST_CASE("where numbers are no longer finite the layer is named, and the step can be left out") {
  const Scratch scratch("trouble");
  REQUIRE(run_program("train_cifar", tiny + "--max-steps 1 --model resnet20 --experiment good", scratch).exit_code ==
          0);
  // One weight of the second stage becomes infinite.
  const fs::path good = scratch.path / "output/good/last.safetensors", bad = scratch.path / "bad.safetensors";
  std::string bytes = content(good);
  uint64_t length = 0;
  std::copy_n(bytes.data(), 8, reinterpret_cast<char*>(&length));
  const auto header = nlohmann::json::parse(bytes.substr(8, length));
  const uint64_t at = 8 + length + header["layer2.1.conv1.weight"]["data_offsets"][0].get<uint64_t>();
  const float infinite = INFINITY;
  std::copy_n(reinterpret_cast<const char*>(&infinite), 4, bytes.data() + at);
  std::ofstream(bad, std::ios::binary) << bytes;

  const std::string call = tiny + "--model resnet20 --init-checkpoint bad.safetensors ";
  const Outcome stopped = run_program("train_cifar", call + "--experiment stopped", scratch);
  CHECK(stopped.exit_code == 1);
  CHECK(stopped.err.starts_with("train_cifar: step 1: conv2d of layer2.1.conv1.weight is not finite: try a lower"));
  const Outcome skipped = run_program("train_cifar", call + "--on-nan skip --experiment skipped", scratch);
  CHECK(skipped.exit_code == 1);
  CHECK(skipped.err.find("step 1: conv2d of layer2.1.conv1.weight is not finite: it is left out\n") !=
        std::string::npos);
  CHECK(skipped.err.find("and so it was in the 9 steps before") != std::string::npos);
}

TEST_CASE("--dry-run shows the network and what a run would take, and writes nothing") {
  const Scratch scratch("dry");
  const Outcome run = run_program("train_cifar", tiny + "--dry-run --model resnet20", scratch);
  CHECK_MESSAGE(run.exit_code == 0, run.err);
  CHECK(run.out.find("layer1.0.conv1                     conv2d       (20, 32, 32, 16)             2304") !=
        std::string::npos);
  CHECK(run.out.find("resnet20: 272474 parameters\n") != std::string::npos);
  CHECK(run.out.find("step 3: loss ") != std::string::npos);
  CHECK(run.out.find(" an epoch of 10 batches, ") != std::string::npos);
  CHECK_FALSE(fs::exists(scratch.path / "output"));
  CHECK(run.out.find("memory: about ") != std::string::npos);
  CHECK(run.out.find(" can be had; these steps used ") != std::string::npos);
  // The parameters of the rows are all of the network's.
  std::istringstream lines(run.out);
  int64_t sum = 0;
  for (std::string line; std::getline(lines, line);) {
    if (line.size() > 80 && line.find('(') != std::string::npos) sum += std::stoll(line.substr(69, 12));
  }
  CHECK(sum == 272474);
  const Outcome few = run_program("train_cifar", tiny + "--dry-run --epochs 1000000 --max-steps 2", scratch);
  CHECK_MESSAGE(few.out.find(" an epoch of 10 batches, 0:0") != std::string::npos, few.out);  // not of all the epochs
}

TEST_CASE("--overfit-batch tells whether one batch can be learned, and writes nothing") {
  const Scratch scratch("overfit");
  const Outcome good = run_program("train_cifar", tiny + "--overfit-batch --model resnet20 --lr 0.05", scratch);
  CHECK_MESSAGE(good.exit_code == 0, good.err);
  CHECK(good.out.find("resnet20 learns 20 images by heart, mix cutmix, loss dm, lr 0.05\n") != std::string::npos);
  CHECK(good.out.find("learned by heart in ") != std::string::npos);
  const Outcome bad = run_program("train_cifar", tiny + "--overfit-batch --lr 0 --max-steps 30", scratch);
  CHECK(bad.exit_code == 1);
  CHECK(bad.err.starts_with("train_cifar: not learned in 30 steps: only "));
  CHECK(std::count(bad.err.begin(), bad.err.end(), '\n') == 1);
  CHECK_FALSE(fs::exists(scratch.path / "output"));
}

TEST_CASE("--quiet prints the final accuracy and nothing else") {
  const Scratch scratch("quiet");
  const Outcome run =
      run_program("train_cifar", tiny + "--quiet --model linear --log-interval 1 --experiment x", scratch);
  CHECK(run.exit_code == 0);
  CHECK(run.err.empty());
  CHECK(run.out.starts_with("final accuracy: "));
  CHECK(run.out.ends_with("run folder: output/x, with report.html\n"));
  CHECK(std::count(run.out.begin(), run.out.end(), '\n') == 2);
}

TEST_CASE("memory is told before a run and after it") {
  const Scratch scratch("memory");
  const Outcome run = run_program("train_cifar", tiny + "--model linear --experiment x", scratch);
  CHECK(run.exit_code == 0);
  CHECK(run.out.find("\nmemory: about ") < run.out.find("\nepoch   train"));
  CHECK(run.out.find(" were used at most, forecast were ") != std::string::npos);
}

TEST_CASE("a run ends with pictures of what the network sees, and --report makes them again at any time") {
  const Scratch scratch("late");
  REQUIRE(run_program("train_cifar", tiny + "--model resnet20 --model-ema --experiment x", scratch).exit_code == 0);
  const fs::path run = scratch.path / "output/x";
  const std::string page = content(run / "report.html"), cam = content(run / "images/cam.png");
  for (const char* part : {"Where the network looks", "Test images of the highest loss", "right with the highest"}) {
    CHECK(page.find(part) != std::string::npos);
  }
  REQUIRE(cam.size() > 1000);

  // The weights are those of the end, so the page is the same.
  fs::remove_all(run / "images");
  fs::remove(run / "report.html");
  const Outcome late = run_program("train_cifar", "--report output/x", scratch);
  CHECK_MESSAGE(late.exit_code == 0, late.err);
  CHECK(late.out == "wrote output/x/report.html\n");
  for (const char* file : {"cam.png", "best.png", "worst.png"}) CHECK(fs::exists(run / "images" / file));
  CHECK((content(run / "images/cam.png") == cam));

  // Before the first epoch has ended there are no weights, but a report.
  fs::remove(run / "last.ema.safetensors");
  fs::remove(run / "report.html");
  CHECK(run_program("train_cifar", "--report output/x", scratch).exit_code == 0);
  CHECK(fs::exists(run / "report.html"));
  for (const char* folder : {"output", "nowhere"}) {
    const Outcome wrong = run_program("train_cifar", std::string("--report ") + folder, scratch);
    CHECK(wrong.exit_code == 1);
    CHECK(std::count(wrong.err.begin(), wrong.err.end(), '\n') == 1);
  }
}

#ifndef DEMIX_SANITIZED  // which needs an address space without limits
TEST_CASE("a training that needs more memory than there is says so in one line, and makes no folder") {
  const Scratch scratch("memory");
  for (const auto& [limit, told] :
       {std::pair{"150000", "train_cifar: not enough memory: a step with 16 images alone needs more than the "},
        {"900000", "train_cifar: not enough memory: this training needs about "}}) {
    const Outcome run = run_program("train_cifar", "--model resnet18 -b 512 --threads 2 --shapes-train 600", scratch,
                                    std::string("sh -c 'ulimit -v ") + limit + "; exec \"$0\" \"$@\"'");
    CHECK(run.exit_code == 1);
    CHECK_MESSAGE(run.err.starts_with(told), run.err);
    CHECK(std::count(run.err.begin(), run.err.end(), '\n') == 1);
    CHECK_FALSE(fs::exists(scratch.path / "output"));
  }
}
#endif
