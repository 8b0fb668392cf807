#include <algorithm>
#include <array>
#include <iostream>
#include <nlohmann/json.hpp>

#include "apps/support/checkpoint.h"
#include "apps/support/confusion.h"
#include "apps/support/data_flags.h"
#include "apps/support/device_flags.h"
#include "apps/support/evaluation.h"
#include "apps/support/format.h"
#include "apps/support/model_flags.h"
#include "apps/support/progress.h"
#include "engine/file.h"
#include "engine/names.h"
#include "engine/parallel.h"

namespace {

using nlohmann::ordered_json;

/// A line for every picture: its file or number, its class, the guess, and all logits.
class Predictions {
 public:
  explicit Predictions(const data::Dataset& set) : set_(set) {
    text_ = "picture,label,predicted";
    for (const std::string& name : set.classes) text_ += engine::text(",", apps::csv_field(name));
    text_ += "\n";
  }
  void add(const std::vector<int>& labels, const float* logits) {
    const size_t classes = set_.classes.size();
    for (const int label : labels) {
      const auto guess = static_cast<size_t>(apps::best_class(logits, static_cast<int>(classes)));
      text_ += set_.files.empty() ? std::to_string(at_) : apps::csv_field(set_.files[at_].string());
      for (const size_t name : {static_cast<size_t>(label), guess}) {
        text_ += engine::text(",", apps::csv_field(set_.classes[name]));
      }
      for (size_t k = 0; k < classes; ++k) text_ += apps::format(",%.9g", *logits++);
      text_ += "\n";
      ++at_;
    }
  }
  const std::string& text() const { return text_; }

 private:
  const data::Dataset& set_;
  std::string text_;
  size_t at_ = 0;
};

/// The results as one JSON object, or as a header and a row of CSV without the lists, by the ending of the file.
void write_results(const std::string& path, const ordered_json& results) {
  if (!path.ends_with(".csv")) return engine::write_file(path, apps::json_text(results, 2) + "\n");
  std::string names, values;
  for (const auto& [name, value] : results.items()) {
    if (value.is_array()) continue;
    names += (names.empty() ? "" : ",") + name;
    values += (values.empty() ? "" : ",") +
              (value.is_string() ? apps::csv_field(value.get<std::string>()) : apps::json_text(value));
  }
  engine::write_file(path, names + "\n" + values + "\n");
}

}  // namespace

/// Tests a network whose weights are in a file: accuracy, loss, speed, and what is taken for what.
int main(int argc, char** argv) {
  return apps::run_program("validate", [&] {
    std::string device = "cpu", checkpoint, results_file, confusion_file, predictions_file;
    data::Split split = data::Split::test;
    int64_t batch_size = 128;
    int threads = 0, workers = 1;
    bool json = false;
    apps::ModelFlags model;
    model.model = "";
    apps::DataFlags pictures;

    apps::CommandLine line("validate --checkpoint FILE", "tests the network of a weight file",
                           "Tells accuracy, loss, speed and the confusion matrix. Model and data set are those that "
                           "the file names, if training wrote it, unless flags say otherwise.");
    line.section("Examples",
                 {{"validate --checkpoint output/run/last.safetensors --data-dir data", "What training left"},
                  {"validate --checkpoint resnet50.safetensors --model resnet50 --dataset folder --data-dir imagenet",
                   "Weights from elsewhere, on ImageNet-1k"}});
    line.section("See also", {{"train_cifar(1), train_tiny_imagenet(1), train_folder(1)", "train networks"}});
    line.group("Model");
    line.add("--checkpoint", checkpoint, "Weight file, safetensors with torchvision's names")->check(apps::file());
    apps::add_model_flags(line, model);
    line.group("Data");
    apps::add_data_flags(line, pictures, engine::names_of(data::datasets()));
    line.add_auto_choice("--interpolation", pictures.augmentation.filter, "filter", {"bilinear", "bicubic"},
                         "How pictures are resized");
    line.add_choice("--split", split, "split", {"train", "test"}, "Which part; train: seen like a test part");
    line.group("Output");
    line.add("--results-file", results_file, "Write the results there too: .json, with the confusion matrix, or .csv")
        ->check(apps::ending({".json", ".csv"}));
    line.add("--confusion-file", confusion_file, "Write the confusion matrix there, as CSV")->check(apps::file());
    line.add("--predictions-file", predictions_file, "Write every picture's logits there, as CSV")->check(apps::file());
    line.add_switch("--json", json, "Print the results as JSON");
    line.group("Machine");
    line.add("-b,--batch-size", batch_size, "Images at a time")->check(apps::between(1, 1e6));
    line.add("--threads", threads, "Computing threads; 0: all cores")->check(apps::between(0, 1024));
    apps::add_device_flag(line, device);
    line.add("-j,--workers", workers, "Threads that prepare data; 0: none")->check(apps::between(0, 256));

    std::vector<std::string> arguments(argv + 1, argv + argc);
    if (!line.parse(arguments)) return;
    if (model.model == "list") return apps::print_models();
    if (checkpoint.empty()) throw apps::UsageError("--checkpoint is needed: the weight file");
    const nn::WeightFileInfo info = nn::weight_info(checkpoint);
    std::vector<std::string> recalled = apps::arguments_of(info.metadata);
    recalled.insert(recalled.end(), arguments.begin(), arguments.end());
    try {
      line.parse(recalled);
    } catch (const apps::UsageError& error) {
      engine::fail(nn::quoted(checkpoint), ": what it says of its network is not understood: ", error.what());
    }
    const std::array files{results_file, confusion_file, predictions_file};
    for (size_t i = 0; i < files.size(); ++i) {
      if (files[i].empty()) continue;
      engine::require_writable(files[i]);
      if (std::count(files.begin(), files.end(), files[i]) > 1) {
        throw apps::UsageError(files[i] + ": is to be written twice");
      }
    }
    if (model.model.empty())
      throw apps::UsageError(checkpoint + " does not say which network it is for: --model is needed");
    engine::require_device(apps::device_named(device));
    engine::set_threads(threads == 0 ? engine::threads() : threads);

    const data::Dataset set = load(pictures, split);
    apps::tell_skipped(set);
    const auto classes = static_cast<int64_t>(set.classes.size());
    ENSURE(classes == info.classes, checkpoint, ": is for ", info.classes, " classes, and ", set.name, " has ",
           classes);
    const auto network = make_network(model, classes, set.size, 0);
    nn::load_weights(*network, checkpoint);
    move_to(*network, apps::device_named(device));

    data::Loader loader(
        set, {.batch = batch_size, .train = false, .workers = workers, .device = apps::device_named(device)});
    apps::Confusion confusion(set.classes);
    Predictions predictions(set);
    const apps::Stopwatch watch;
    const apps::Evaluation evaluation =
        apps::evaluate(*network, loader, [&](const data::Batch& batch, const engine::Tensor& logits) {
          confusion.add(batch.labels, logits.data());
          if (!predictions_file.empty()) predictions.add(batch.labels, logits.data());
        });
    const double seconds = watch.seconds(), speed = static_cast<double>(set.count()) / seconds;

    ordered_json results{
        {"model", model.model},    {"checkpoint", checkpoint},   {"dataset", set.name},
        {"images", set.count()},   {"top1", evaluation.top1},    {"top5", evaluation.top5},
        {"loss", evaluation.loss}, {"images_per_second", speed}, {"data_wait", loader.waited() / seconds}};
    results["classes"] = set.classes;
    results["confusion"] = confusion.counts();
    if (json) {
      std::cout << apps::json_text(results) << std::endl;
    } else {
      std::printf("%s on %ld images of %s\n\n", model.model.c_str(), set.count(), set.name.c_str());
      std::printf("top-1      %8.2f %%\ntop-5      %8.2f %%\nloss       %8.4f\nimages/s   %8.0f\ndata wait  %8.1f %%\n",
                  evaluation.top1, evaluation.top5, evaluation.loss, speed, 100 * loader.waited() / seconds);
      std::printf("\n%s", confusion.table().c_str());
      std::fflush(stdout);
    }
    if (!results_file.empty()) write_results(results_file, results);
    if (!confusion_file.empty()) engine::write_file(confusion_file, confusion.csv());
    if (!predictions_file.empty()) engine::write_file(predictions_file, predictions.text());
  });
}
