#include <doctest/doctest.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "tests/support/program.h"

using nlohmann::json;
using support::content;
using support::Outcome;
using support::run_program;
using support::Scratch;

TEST_CASE("loss prints the worked example of the paper's loss as JSON") {
  const Scratch scratch("loss");
  const Outcome run =
      run_program("loss", "--loss dm --logits 2,1,0,-1 --a 0 --b 1 --lambda 0.3 --dm-eta 0.1 --json", scratch);
  CHECK(run.exit_code == 0);
  const json o = json::parse(run.out);
  const auto close = [](double value, double expected) { return std::abs(value - expected) < 1e-9; };
  CHECK(close(o["loss"], 1.1979348969612618));
  CHECK(close(o["terms"]["mce"], 1.1401896985611952));
  CHECK(close(o["terms"]["decoupled_a"], 0.16984601955628564));
  CHECK(close(o["terms"]["decoupled_b"], 0.40760596444438035));
  const std::vector<double> gradient{0.3282937333, -0.4965930863, 0.1230366858, 0.0452626672};
  for (size_t i = 0; i < 4; ++i) CHECK(close(o["gradient"][i], gradient[i]));
  CHECK(o["finite_difference_error"].get<double>() < 1e-9);
  CHECK(o.size() == 4);
}

TEST_CASE("loss takes negative logits first, large ones, and one class alone") {
  const Scratch scratch("loss2");
  const json negative = json::parse(run_program("loss", "--logits -1,2 --a 1 --b 1 --json", scratch).out);
  CHECK(negative["loss"].get<double>() == doctest::Approx(std::log1p(std::exp(-3.0))).epsilon(1e-9));
  CHECK(negative["terms"]["decoupled_a"] == 0);
  const json large = json::parse(run_program("loss", "--logits=-1e4,1e4,0 --lambda 0.5 --json", scratch).out);
  CHECK(large["loss"].get<double>() == doctest::Approx(1e4 + 0.1 * 1e4));
  const Outcome plain = run_program("loss", "--loss ce", scratch);
  CHECK(plain.exit_code == 0);
  CHECK(plain.out.find("mce") != std::string::npos);
}

TEST_CASE("loss knows every loss with its options") {
  const Scratch scratch("loss3");
  const auto loss_of = [&](const std::string& arguments) {
    const Outcome run = run_program("loss", "--logits 2,1,0,-1 --lambda 0.3 --json " + arguments, scratch);
    CAPTURE(arguments);
    CAPTURE(run.err);
    REQUIRE(run.exit_code == 0);
    const json o = json::parse(run.out);
    CHECK(o["finite_difference_error"].get<double>() < 1e-9);
    return o["loss"].get<double>();
  };
  for (const auto& [arguments, expected] : std::initializer_list<std::pair<const char*, double>>{
           {"--loss ce", 1.1401896986},
           {"--loss dm --dm-sides labeled", 1.1571743005},
           {"--loss dm --dm-eta 0.5", 1.1401896986 + 0.5 * (0.1698460196 + 0.4076059644)},
           {"--loss dm --dm-weight-power 1", 1.1401896986 + 0.1 * (0.3 * 0.1698460196 + 0.7 * 0.4076059644)},
           {"--loss dm --dm-sides minor", 1.1401896986 + 0.1 * 0.1698460196},
           {"--loss dm --dm-sides major", 1.1401896986 + 0.1 * 0.4076059644},
           {"--loss dm --dm-min-share 0.35", 1.1401896986},
           {"--loss dm-bce", 2.8215985666},
           {"--loss dm-bce --kind interpolation", 2.5144934251},
           {"--loss dm-bce --dm-t 1 --dm-xi 1", 3.1465985666},
           {"--loss bce", 3.1465985666},
           {"--loss bce --bce-target two", 1.4465985666},
           {"--loss bce --bce-reduction mean", 3.1465985666 / 4}}) {
    CHECK(std::abs(loss_of(arguments) - expected) < 1e-9);
  }
  const double mean = (0.4401896986 + 1.4401896986 + 2.4401896986 + 3.4401896986) / 4;  // of -log p
  CHECK(std::abs(loss_of("--loss ce --smoothing 0.1") - (0.9 * 1.1401896986 + 0.1 * mean)) < 1e-9);
}

TEST_CASE("loss draws the gradient for every share as an SVG image") {
  const Scratch scratch("plot");
  CHECK(run_program("loss", "--loss dm --dm-eta 0.5 --plot g.svg", scratch).exit_code == 0);
  const std::string image = content(scratch.path / "g.svg");
  CHECK(image.starts_with("<svg xmlns='http://www.w3.org/2000/svg'"));
  CHECK(image.ends_with("</svg>\n"));
  CHECK(image.find("dm, the others") != std::string::npos);
  const auto count = [&](const std::string& part) {
    int times = 0;
    for (size_t at = 0; (at = image.find(part, at)) != std::string::npos; ++at) ++times;
    return times;
  };
  CHECK(count("<polyline") == 6);
  // At lambda 0.5, the 100th of 199 points, the gradients of dm are 0.0658 on a and -0.4305 on b; the axis reaches from
  // -1 at 348 to 0.8 at 44.
  const auto middle = [&](int number) {
    size_t at = 0;
    for (int i = 0; i <= number; ++i) at = image.find("points='", at) + 8;
    std::istringstream points(image.substr(at, image.find('\'', at) - at));
    std::string point;
    for (int i = 0; i < 100; ++i) points >> point;
    return 0.8 - (std::stod(point.substr(point.find(',') + 1)) - 44) / (348 - 44) * 1.8;
  };
  CHECK(middle(3) == doctest::Approx(0.0658).epsilon(0.01));
  CHECK(middle(4) == doctest::Approx(-0.4305).epsilon(0.01));
  CHECK(image.find("nan") == std::string::npos);
  CHECK(run_program("loss", "--a 1 --b 1 --plot h.svg", scratch).exit_code == 2);
  CHECK_FALSE(std::filesystem::exists(scratch.path / "h.svg"));
}

TEST_CASE("loss, mixes, bench and report refuse bad input with one line") {
  const Scratch scratch("tools");
  struct Call {
    const char *program, *arguments;
    int exit_code;
  };
  for (const Call& call : std::initializer_list<Call>{{"loss", "--a 4", 2},
                                                      {"loss", "--b -1", 2},
                                                      {"loss", "--lambda 2", 2},
                                                      {"loss", "--logits 1,x", 2},
                                                      {"loss", "--logits 1,,2", 2},
                                                      {"loss", "--logits nan,1", 2},
                                                      {"loss", "--logits inf,1", 2},
                                                      {"loss", "--loss nothing", 2},
                                                      {"loss", "--loss dm-bce --dm-t -1", 2},
                                                      {"loss", "--dm-eta -1", 2},
                                                      {"loss", "--plot /proc/none/a.svg", 1},
                                                      {"mixes", "--mix nothing", 2},
                                                      {"mixes", "--all --mix cutmix", 2},
                                                      {"mixes", "--mix cutmix -b 1", 1},
                                                      {"mixes", "--dataset cifar10", 1},
                                                      {"mixes", "--output /proc/none/a.png", 1},
                                                      {"mixes", "--batch-size 0", 2},
                                                      {"bench", "--kernel nothing", 2},
                                                      {"bench", "--model nothing", 2},
                                                      {"bench", "--steps 0", 2},
                                                      {"loss", "--a 1.5", 2},
                                                      {"loss", "--a 99999999999999999999", 2},
                                                      {"loss", "--logits", 2},
                                                      {"loss", "stray", 2},
                                                      {"mixes", "--output --all", 2},
                                                      {"report", "", 2},
                                                      {"report", "--output", 2},
                                                      {"report", "-- --output", 1},
                                                      {"report", ". .", 2},
                                                      {"report", ".", 1},
                                                      {"report", "nowhere --output a.html", 1}}) {
    CAPTURE(call.program);
    CAPTURE(call.arguments);
    const Outcome run = run_program(call.program, call.arguments, scratch);
    CHECK(run.exit_code == call.exit_code);
    CHECK(std::count(run.err.begin(), run.err.end(), '\n') == 1);
    CHECK(run.out.empty());
  }
}

TEST_CASE("mixes writes a PNG and tells partner, lambda and mask mean of each image") {
  const Scratch scratch("mixes");
  const Outcome run =
      run_program("mixes", "--mix cutmix --mix-alpha 1 -b 12 --seed 3 --output sheet.png --json", scratch);
  CHECK(run.exit_code == 0);
  const json o = json::parse(run.out);
  CHECK(o["policy"] == "cutmix");
  REQUIRE(o["images"].size() == 12);
  for (const json& image : o["images"]) {
    CHECK(image["lambda"] == image["mask_mean"]);
    CHECK(image["partner"].get<int>() < 12);
    if (image["a"] != image["b"]) CHECK((image["lambda"] > 0 && image["lambda"] < 1));
  }
  CHECK(content(scratch.path / "sheet.png").starts_with("\x89PNG\r\n"));
  const Outcome plain = run_program("mixes", "--mix mixup", scratch);
  CHECK(plain.out == "wrote mixes.png\n");
}

TEST_CASE("mixes shows every policy on the same pairs of images") {
  const Scratch scratch("all");
  const Outcome run = run_program("mixes", "--all --mix-mode elem --mix-alpha 1 --json", scratch);
  CHECK(run.exit_code == 0);
  const json o = json::parse(run.out);
  REQUIRE(o["policies"].size() == 8);
  for (const json& policy : o["policies"]) {
    CAPTURE(policy["policy"]);
    REQUIRE(policy["images"].size() == 8);
    std::set<double> shares;
    for (const json& image : policy["images"]) shares.insert(image["lambda"].get<double>());
    CHECK(shares.size() > 3);  // each image has drawn its own
    for (size_t i = 0; i < 8; ++i) CHECK(policy["images"][i]["partner"] == o["policies"][0]["images"][i]["partner"]);
  }
  CHECK(content(scratch.path / "mixes.png").starts_with("\x89PNG\r\n"));
}

TEST_CASE("class names that the font does not know are no trouble") {
  const Scratch scratch("names");
  std::filesystem::create_directories(scratch.path / "data");
  std::string file;
  for (int i = 0; i < 10000; ++i) file += static_cast<char>(i % 10) + std::string(3072, 'x');
  for (int k = 1; k <= 5; ++k) std::ofstream(scratch.path / ("data/data_batch_" + std::to_string(k) + ".bin")) << file;
  std::ofstream names(scratch.path / "data/batches.meta.txt");
  for (int k = 0; k < 10; ++k) names << "\t\xff\x7f\xc3\xa9\n";
  names.close();
  CHECK(run_program("mixes", "--dataset cifar10 --data-dir data", scratch).exit_code == 0);
}

TEST_CASE("bench prints one JSON line for steps and a table for a kernel") {
  const Scratch scratch("bench");
  const Outcome steps = run_program("bench", "--model resnet20 --batch 4 --size 16 --steps 2 --threads 2", scratch);
  CHECK(steps.exit_code == 0);
  CHECK(std::count(steps.out.begin(), steps.out.end(), '\n') == 1);
  const json o = json::parse(steps.out);
  CHECK(o["model"] == "resnet20");
  CHECK(o["batch"] == 4);
  CHECK(o["size"] == 16);
  CHECK(o["threads"] == 2);
  CHECK(o["img_s_median"] > 0);
  CHECK(o["img_s_best"] >= o["img_s_median"]);
  for (const char* kernel :
       {"conv2d", "conv2d_backward_data", "conv2d_backward_weight", "batch_norm_train", "batch_norm_backward", "relu",
        "relu_backward", "add", "global_avg_pool", "linear", "linear_backward_data", "linear_backward_weight", "sgd"}) {
    CAPTURE(kernel);
    const Outcome run = run_program("bench", std::string("--batch 2 --steps 1 --kernel ") + kernel, scratch);
    CHECK(run.exit_code == 0);
    CHECK(run.out.find("GFLOP/s") != std::string::npos);
    CHECK(run.out.find("inf") == std::string::npos);
  }
}

TEST_CASE("bench prints what each policy costs") {
  const Scratch scratch("costs");
  const Outcome run = run_program("bench", "--policies --model resnet20 --batch 4 --steps 1", scratch);
  CHECK(run.exit_code == 0);
  for (const char* name : {"none", "mixup", "cutmix", "saliencymix", "smoothmix"}) {
    CHECK(run.out.find(std::string("\n") + name + " ") != std::string::npos);
  }
}

TEST_CASE("bench prints what it takes to write what a run writes, and leaves nothing") {
  const Scratch scratch("records");
  const Outcome run = run_program("bench", "--records --model resnet20 --batch 4 --steps 1", scratch);
  CHECK_MESSAGE(run.exit_code == 0, run.err);
  CHECK(run.out.find("the state has 2.2 MB\n") != std::string::npos);
  for (const char* row : {"\nmetrics and events", "\nweights ", "\nstate, with", "\nreport of 100 epochs "}) {
    CHECK(run.out.find(row) != std::string::npos);
  }
  CHECK_FALSE(std::filesystem::exists(scratch.path / "bench-records"));
}

TEST_CASE("what cannot be printed is an error, and nothing is printed into a file that was opened since") {
  const Scratch scratch("printing");
  const std::string into_full = "sh -c 'exec \"$0\" \"$@\" > /dev/full'",
                    into_nothing = "sh -c 'exec \"$0\" \"$@\" <&- >&- 2>&-'";
  for (const auto& [program, arguments] : std::initializer_list<std::pair<const char*, std::string>>{
           {"loss", ""},
           {"loss", "--help"},
           {"mixes", "--shapes-train 20 --output s.png"},
           {"train_cifar", "--model linear --shapes-train 40 --shapes-test 20 -b 20 --epochs 1 --experiment full"}}) {
    const std::string name = program;
    const Outcome full = run_program(name, arguments, scratch, into_full);
    CAPTURE(name);
    CHECK(full.exit_code == 1);
    CHECK_MESSAGE(full.err.ends_with(name + ": what it printed could not all be written\n"), full.err);
  }
  CHECK(content(scratch.path / "output/full/summary.csv").find("\n1,") != std::string::npos);

  const std::string arguments = "--model linear --shapes-train 40 --shapes-test 20 -b 20 --epochs 1 --experiment ";
  CHECK(run_program("train_cifar", arguments + "closed", scratch, into_nothing).exit_code == 0);
  for (const char* file : {"summary.csv", "confusion.csv", "last.safetensors"}) {
    CAPTURE(file);
    CHECK((content(scratch.path / "output/closed" / file) == content(scratch.path / "output/full" / file)));
  }
  const std::string page = content(scratch.path / "output/closed/report.html");
  CHECK(page.starts_with("<!doctype html>"));
  CHECK(page.ends_with("</html>\n"));
}
