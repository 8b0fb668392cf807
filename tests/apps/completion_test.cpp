#include <doctest/doctest.h>

#include <algorithm>
#include <sstream>
#include <vector>

#include "tests/support/program.h"

// What bash completes, asked of bash itself: a script is sourced, and its function called as bash would.

using support::content;
using support::Scratch;

namespace fs = std::filesystem;

namespace {

using Words = std::vector<std::string>;

std::string quoted(const std::string& text) {
  std::string word = "'";
  for (const char c : text) word += c == '\'' ? "'\\''" : std::string(1, c);
  return word += "'";
}

/// What COMPREPLY holds, sorted, when the cursor is behind the last of the words, which are split as bash splits them.
Words completed(const Scratch& scratch, const std::string& program, const Words& words) {
  std::string line = program;
  for (const std::string& word : words) line += ' ' + quoted(word);
  std::ofstream(scratch.path / "ask.sh") << "eval \"$('" DEMIX_APPS "/" << program << "' --completion bash)\"\n"
                                         << "COMP_WORDS=(" << line << ") COMP_CWORD=" << words.size() << "\n"
                                         << "spec=($(complete -p " << program << "))\n"
                                         << "\"${spec[2]}\" && printf '%s\\n' \"${COMPREPLY[@]}\" > reply.txt\n";
  const std::string command = "cd '" + scratch.path.string() + "' && rm -f reply.txt && bash ask.sh > out.txt 2>&1";
  REQUIRE(std::system(command.c_str()) == 0);
  CHECK(content(scratch.path / "out.txt").empty());
  std::istringstream reply(content(scratch.path / "reply.txt"));
  Words found;
  for (std::string one; std::getline(reply, one);) {
    if (!one.empty()) found.push_back(one);
  }
  std::sort(found.begin(), found.end());
  return found;
}

}  // namespace

TEST_CASE("bash completes flags by how they begin, those that mean no among them") {
  const Scratch scratch("flags");
  const auto cifar = [&](const Words& words) { return completed(scratch, "train_cifar", words); };
  CHECK(cifar({"--los"}) == Words{"--loss"});
  CHECK(cifar({"--no-"}) == Words{"--no-flip", "--no-nesterov"});
  CHECK(cifar({"--comp"}) == Words{"--completion"});
  CHECK(cifar({"--json"}).empty());
  const Words all = cifar({""});
  for (const char* flag : {"-b", "--batch-size", "--arch", "--help", "--man"}) {
    CAPTURE(flag);
    CHECK(std::count(all.begin(), all.end(), flag) == 1);
  }
  CHECK(cifar({"--nesterov", ""}) == all);  // which takes no value
  CHECK(cifar({"--loss", "dm", ""}) == all);
  CHECK(cifar({"--loss", "dm", "--los"}) == Words{"--loss"});
}

TEST_CASE("bash completes the values that a flag knows, behind it or behind =") {
  const Scratch scratch("values");
  const auto cifar = [&](const Words& words) { return completed(scratch, "train_cifar", words); };
  CHECK(cifar({"--loss", ""}) == Words{"bce", "ce", "dm", "dm-bce"});
  CHECK(cifar({"--loss", "d"}) == Words{"dm", "dm-bce"});
  CHECK(cifar({"--loss", "="}) == Words{"bce", "ce", "dm", "dm-bce"});
  CHECK(cifar({"--loss", "=", "d"}) == Words{"dm", "dm-bce"});
  CHECK(cifar({"--loss=d"}) == Words{"--loss=dm", "--loss=dm-bce"});  // where = does not split words
  CHECK(cifar({"--opt", "a"}) == Words{"adamw"});
  CHECK(cifar({"--label_fraction", ""}).empty());
  CHECK(cifar({"--mix_mode", ""}) == Words{"batch", "elem"});
  CHECK(cifar({"--mix-alpha", ""}) == Words{"auto"});
  CHECK(cifar({"--completion", ""}) == Words{"bash", "fish", "zsh"});
  for (const Words& nothing : {Words{"-b", ""},
                               {"--epochs", ""},
                               {"--unknown", ""},
                               {"--unknown", "=", ""},
                               {"stray"},
                               {"--nesterov", "=", ""},
                               {"--loss", "unknown"}}) {
    CHECK(cifar(nothing).empty());
  }
}

TEST_CASE("bash completes a list of policies behind every +, with alphas and weights in it") {
  const Scratch scratch("lists");
  const auto cifar = [&](const Words& words) { return completed(scratch, "train_cifar", words); };
  CHECK(cifar({"--mix", ""}).size() == 9);
  CHECK(cifar({"--mix", "m"}) == Words{"manifoldmix", "mixup"});
  CHECK(cifar({"--mix", "cutmix+m"}) == Words{"cutmix+manifoldmix", "cutmix+mixup"});
  CHECK(cifar({"--mix", "=", "cutmix+fm"}) == Words{"cutmix+fmix"});
  CHECK(cifar({"--mix", "cutmix", "@", "1+fm"}) == Words{"1+fmix"});  // bash splits at @ and replaces what is behind
  CHECK(cifar({"--mix", "=", "mixup", "@", "0.8", ":", "1+cutmix", "@", "1", ":", "3+f"}) == Words{"3+fmix"});
  CHECK(cifar({"--mix", "cutmix", "@"}).empty());
}

TEST_CASE("bash completes files and folders where a flag takes one, and an argument without a flag") {
  const Scratch scratch("paths");
  fs::create_directories(scratch.path / "a folder");
  std::ofstream(scratch.path / "a file") << "x";
  for (const auto& [program, flag] : std::initializer_list<std::pair<const char*, const char*>>{
           {"train_cifar", "-c"}, {"validate", "--checkpoint"}, {"mixes", "--output"}, {"loss", "--plot"}}) {
    CHECK(completed(scratch, program, {flag, "a f"}) == Words{"a file", "a folder"});
  }
  CHECK(completed(scratch, "train_cifar", {"--config", "=", "a fi"}) == Words{"a file"});
  CHECK(completed(scratch, "train_cifar", {"--data-dir", "a f"}) == Words{"a folder"});
  CHECK(completed(scratch, "train_cifar", {"--resume", "a f"}) == Words{"a file", "a folder"});
  CHECK(completed(scratch, "train_cifar", {"--resume", "au"}) == Words{"auto"});
  CHECK(completed(scratch, "report", {"a f"}) == Words{"a folder"});
  CHECK(completed(scratch, "report", {"--out"}) == Words{"--output"});
}

TEST_CASE("every program has a script for every shell, which bash can read") {
  const Scratch scratch("scripts");
  for (const char* program : {"bench", "check_dataset", "loss", "mixes", "report", "train_cifar", "train_folder",
                              "train_tiny_imagenet", "validate"}) {
    CAPTURE(program);
    CHECK(completed(scratch, program, {"--hel"}) == Words{"--help"});
    for (const char* shell : {"zsh", "fish"}) {
      const support::Outcome run = support::run_program(program, std::string("--completion=") + shell, scratch);
      CHECK(run.exit_code == 0);
      CHECK(run.out.find(program) != std::string::npos);
      CHECK(run.out.find("Print this help and exit") != std::string::npos);
    }
  }
}
