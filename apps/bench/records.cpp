#include <cstdio>
#include <filesystem>

#include "apps/bench/bench.h"
#include "apps/support/checkpoint.h"
#include "apps/support/confusion.h"
#include "apps/support/gallery.h"
#include "apps/support/learner.h"
#include "apps/support/progress.h"
#include "apps/support/report.h"
#include "apps/support/tensorboard.h"
#include "apps/support/training_state.h"
#include "engine/file.h"

namespace bench {

namespace {

/// A folder of its own below the current one, which goes when this does.
struct Folder {
  std::filesystem::path path = "bench-records";
  Folder() { ENSURE(std::filesystem::create_directory(path), path.string(), ": exists already"); }
  ~Folder() {
    std::error_code error;
    std::filesystem::remove_all(path, error);
  }
};

}  // namespace

void time_records(const Options& o) {
  apps::TrainingFlags flags;
  flags.model.model = o.model;
  flags.optimizer.nesterov = true;
  const data::Dataset set = data::shapes(data::Split::train, {.train_count = o.batch});
  apps::Learner learner(flags, set);
  const data::Batch batch = data::first_batch(set, {.batch = o.batch, .train = true});
  const double step = median(seconds_of(o.steps, [&] { learner.step(0.01, batch); }));

  const Folder folder;
  apps::RunFolder run = apps::RunFolder::make(folder.path, "run", "");
  const apps::StateFiles states(run.path());
  apps::EventFile events(run.path());
  apps::Confusion confusion(set.classes);
  apps::Position at;
  const double log = median(seconds_of(200, [&] {
    ++at.step;
    run.log({1, at.step, 2.3, 0.1, 123, 0});
    for (const char* tag : {"train/loss", "train/lr", "train/images_per_second"}) events.add(tag, at.step, 0.1);
  }));
  const double weights =
      median(seconds_of(5, [&] { nn::save_weights(learner.network(), run.path() / "last.safetensors", {}); }));
  const double state = median(seconds_of(5, [&] { states.save(learner.tensors(), at, {}); }));
  for (int64_t epoch = 1; epoch <= 100; ++epoch) run.append({epoch, 2, 2, 50, 90, 70, 30, 0.1});
  engine::write_file(run.path() / "confusion.csv", confusion.csv());
  const double report = median(seconds_of(5, [&] { apps::write_report(run.path()); }));

  apps::Extremes extremes(set.normalization);
  const engine::Variable logits = learner.network().forward(engine::Variable(batch.images), nn::Mode::eval);
  const double counted = median(seconds_of(20, [&] {
    confusion.add(batch.labels, logits.value().data());
    extremes.add(batch, logits.value());
  }));
  const mixup::Policy policy = mixup::make_policy("cutmix", {.alpha = 1});
  const double pictures = median(seconds_of(3, [&] {
    apps::write_mixed_sheet(set, policy, 1, "", run.path() / "images");
    apps::write_gallery(learner.network(), set, policy, extremes, "", run.path() / "images");
  }));

  int64_t bytes = 0;
  for (const nn::Entry& entry : learner.tensors()) bytes += 4 * entry.variable.value().elements();
  std::printf("%s, batch %ld: a step takes %.1f ms; the state has %.1f MB\n\n", o.model.c_str(), o.batch, 1e3 * step,
              1e-6 * static_cast<double>(bytes));
  std::printf("%-44s %10s %10s\n", "written", "ms", "of a step");
  const auto row = [&](const char* name, double seconds) {
    std::printf("%-44s %10.3f %8.3f %%\n", name, 1e3 * seconds, 100 * seconds / step);
  };
  row("metrics and events, where it is time", log);
  row("  every 50 steps, spread over them", log / 50);
  row("weights", weights);
  row("state, with the optimizer's memory", state);
  row("confusion matrix and extremes, a test batch", counted);
  row("report of 100 epochs", report);
  row("its pictures", pictures);
}

}  // namespace bench
