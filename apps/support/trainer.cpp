#include "apps/support/trainer.h"

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <optional>

#include "apps/support/checkpoint.h"
#include "apps/support/confusion.h"
#include "apps/support/evaluation.h"
#include "apps/support/extremes.h"
#include "apps/support/format.h"
#include "apps/support/gallery.h"
#include "apps/support/interrupt.h"
#include "apps/support/learner.h"
#include "apps/support/memory_forecast.h"
#include "apps/support/progress.h"
#include "apps/support/report.h"
#include "apps/support/tensorboard.h"
#include "engine/file.h"
#include "engine/memory.h"
#include "nn/schedule.h"

namespace apps {

using data::Batch;
using data::Loader;

namespace {

namespace fs = std::filesystem;

/// Two digits after the point, or a dash where nothing was measured.
std::string percent(double value) { return std::isnan(value) ? "-" : format("%.2f", value); }

int64_t steps_of(double epochs, int64_t updates) { return std::llround(epochs * static_cast<double>(updates)); }

/// A training run: where it stands, and what it writes to.
class Training {
 public:
  Training(const TrainingFlags& flags, const Origin& origin, const data::Dataset& train_set,
           const data::Dataset& test_set, const fs::path& resumed)
      : flags_(flags),
        origin_(origin),
        train_set_(train_set),
        test_set_(test_set),
        loader_(train_set, {.batch = flags.batch_size,
                            .train = true,
                            .seed = flags.seed,
                            .workers = flags.workers,
                            .device = device_of(flags)}),
        test_loader_(test_set,
                     {.batch = flags.batch_size, .train = false, .workers = flags.workers, .device = device_of(flags)}),
        learner_(has_state(resumed) ? without_initial_weights(flags) : flags, train_set),
        always_(every_batch(flags.mixing)),
        metadata_(metadata_of(origin.arguments)),
        updates_((loader_.batches() + flags.accumulate - 1) / flags.accumulate),
        steps_(flags.max_steps > 0 ? std::min(flags.max_steps, flags.epochs * updates_) : flags.epochs * updates_),
        schedule_(
            nn::make_schedule(flags.sched, {.lr = flags.lr,
                                            .min_lr = flags.min_lr,
                                            .steps = steps_,
                                            .warmup_steps = steps_of(flags.warmup_epochs, updates_),
                                            .warmup_lr = flags.warmup_lr,
                                            .decay_steps = std::max<int64_t>(1, steps_of(flags.decay_epochs, updates_)),
                                            .decay_rate = flags.decay_rate})),
        lock_(fs::is_directory(resumed) ? std::optional<FolderLock>(resumed) : std::nullopt),
        at_(go_on_from(resumed)),
        run_(lock_
                 ? RunFolder(std::move(*lock_), at_.rows, at_.rows_elsewhere, at_.step)
                 : RunFolder::make(flags.output, flags.experiment, flags.model.model + "-" + train_set.name, at_.rows)),
        states_(run_.path()),
        events_(run_.path(), at_.step),
        progress_(flags.log_interval, flags.quiet),
        extremes_(test_set.normalization) {
    metadata_["stem"] = stem_of(flags.model, train_set.size) == nn::Stem::cifar ? "cifar" : "imagenet";
  }

  /// Trains to the end.
  void run(const Arguments& told, const MemoryForecast& forecast) {
    write_head(told, forecast);
    catch_interrupts();
    if (at_.step > 0 || rolls_back()) save();
    for (; at_.epoch * updates_ < steps_; ++at_.epoch, at_.batches = at_.losses = 0, at_.loss_sum = 0) {
      const Stopwatch watch;
      const Speed speed = train_epoch();
      // Blocks of sizes that a test does not need, nor a training those of a test; a GPU takes long to make new ones.
      engine::memory::release_unused(engine::Device::cpu);
      test_epoch(speed, watch);
      engine::memory::release_unused(engine::Device::cpu);
    }
    write_end(forecast);
  }

 private:
  struct Speed {
    double images_per_second, data_wait;
  };

  bool rolls_back() const { return flags_.on_nan == TrainingFlags::OnNan::rollback; }

  /// Fills the learner with what was saved.
  Position load(const StateFiles& states) {
    const Position at = states.load(learner_.tensors());
    learner_.accept();
    return at;
  }

  Position go_on_from(const fs::path& resumed) {
    if (!has_state(resumed)) return {};
    Position at = load(StateFiles(resumed));
    learner_.set_steps(at.step);
    if (!lock_) at.anchor = at.step, at.rows_elsewhere = static_cast<int64_t>(at.rows.size());
    return at;
  }

  void save() {
    at_.rows = run_.rows();
    states_.save(learner_.tensors(), at_, origin_);
    if (rolls_back() && at_.anchor == at_.step) link_state(run_.path(), "rollback");
    saved_ = at_.step;
  }

  /// Saves the run at one of the steps it is always saved at, which alone it may go back to: so it does not matter
  /// where it was interrupted. What cannot be tested is not saved, and --on-nan says what happens; false where it stays
  /// so.
  bool keep() {
    take_outcomes();
    if (saved_ == at_.step) return true;
    if (const std::string what = learner_.not_finite_in_test(batch_.images); !what.empty()) {
      answer(at_.step, what + ", when tested,", "what it came to is not saved");
      if (!rolls_back()) return false;
    }
    if (at_.failed <= at_.anchor) at_.troubles = 0;
    at_.anchor = at_.step;
    save();
    return true;
  }

  void stop_if_interrupted() {
    if (!interrupted()) return;
    take_outcomes();
    progress_.clear();
    const std::string what = saved_ == at_.step ? "" : learner_.not_finite_in_test(batch_.images);
    if (saved_ != at_.step && what.empty()) save();
    if (!what.empty()) std::fprintf(stderr, "%s, when tested, is not finite: not saved\n", what.c_str());
    if (has_state(run_.path())) {
      const std::string saved = saved_ == at_.step ? engine::text("saved after step ", at_.step, "; ") : "";
      std::fprintf(stderr, "%sgoes on with: %s --resume %s\n", saved.c_str(),
                   shell_word(program_invocation_name).c_str(), shell_word(run_.path()).c_str());
    }
    throw Interrupted{interrupted()};
  }

  /// NaN where there was none that is finite.
  double mean_loss() const { return at_.losses > 0 ? at_.loss_sum / static_cast<double>(at_.losses) : NAN; }

  /// One update from as many batches as there are to be.
  void step() {
    const int64_t together = std::min(flags_.accumulate, loader_.batches() - at_.batches);
    if (together > 1) take_outcomes();
    at_.lr = schedule_(at_.step++);
    learner_.begin(at_.lr, together, [&]() -> const Batch& {
      ENSURE(loader_.next(batch_), "the epoch has fewer batches than it should have");
      ++at_.batches;
      return batch_;
    });
    // A GPU may go on with the next step meanwhile; not where this one may change what the next one starts from.
    const bool ahead = device_of(flags_) == engine::Device::cuda && together == 1 && !rolls_back();
    take_outcomes(ahead ? 1 : 0);
  }

  /// Takes what came of the steps, but for the last `pending` ones.
  void take_outcomes(int64_t pending = 0) {
    while (learner_.pending() > pending) {
      const int64_t step = at_.step - learner_.pending() + 1;
      const Learner::Outcome outcome = learner_.outcome();
      if (std::isfinite(outcome.loss)) {
        at_.loss_sum += static_cast<double>(outcome.batches) * outcome.loss;
        at_.losses += outcome.batches;
      }
      if (!outcome.not_finite.empty()) answer(step, outcome.not_finite, "it is left out");
    }
  }

  /// Does about a step in which something was not finite what --on-nan says.
  void answer(int64_t step, const std::string& what, const char* skipped) {
    progress_.clear();
    const std::string line = engine::text("step ", step, ": ", what, " is not finite");
    ENSURE(flags_.on_nan != TrainingFlags::OnNan::stop, line,
           ": try a lower learning rate, --clip-grad or --warmup-epochs");
    if (!rolls_back() && at_.failed < step - 1) at_.troubles = 0;  // the step before was good
    at_.troubles += at_.failed < step || rolls_back();
    at_.failed = step;
    ENSURE(at_.troubles < 10, line,
           rolls_back() ? ", the tenth time without a good stretch between" : ", and so it was in the 9 steps before",
           ": nothing is learned any more");
    if (!rolls_back()) {
      std::fprintf(stderr, "%s: %s\n", line.c_str(), skipped);
      return;
    }
    const fs::path anchor = run_.path() / "rollback.state.safetensors";
    const int64_t saved = load(StateFiles(anchor)).step;
    ENSURE(saved == at_.anchor, anchor.string(), ": is the state of step ", saved, ", and that of ", at_.anchor,
           " is expected");
    std::fprintf(stderr, "%s: back to what step %ld came to, and on with the next one\n", line.c_str(), saved);
  }

  /// Trains to the end of the epoch, and saves.
  Speed train_epoch() {
    const Stopwatch watch;
    const double waited_before = loader_.waited();
    const int64_t first_step = at_.epoch * updates_, last_step = std::min(steps_, first_step + updates_),
                  first_batch = at_.batches;
    const auto waited = [&] { return (loader_.waited() - waited_before) / watch.seconds(); };
    const auto speed = [&] {
      return static_cast<double>((at_.batches - first_batch) * flags_.batch_size) / watch.seconds();
    };
    loader_.start(at_.epoch, first_batch);
    while (at_.step < last_step) {
      step();
      const bool logs = at_.step % flags_.log_interval == 0 || at_.step == last_step;
      if (logs || (at_.step - first_step) % flags_.log_interval == 0) take_outcomes();  // the loss is shown
      progress_.show(
          {at_.epoch + 1, flags_.epochs, at_.step - first_step, last_step - first_step, mean_loss(), at_.lr, speed(),
           static_cast<double>((steps_ - at_.step) * flags_.accumulate * flags_.batch_size) / speed(), waited()});
      if (logs) log({speed(), waited()});
      if (at_.step == last_step) break;  // saved below
      if (flags_.recovery_interval > 0 && at_.step % flags_.recovery_interval == 0) keep();
      stop_if_interrupted();
    }
    const Speed measured{speed(), waited()};
    if (keep()) {  // the epoch is tested again, with the same result, if that is as far as it comes
      nn::save_weights(learner_.network(), run_.path() / "last.safetensors", metadata_);
      if (learner_.average()) nn::save_weights(*learner_.average(), run_.path() / "last.ema.safetensors", metadata_);
    }
    stop_if_interrupted();
    return measured;
  }

  void log(const Speed& speed) {
    run_.log({at_.epoch + 1, at_.step, mean_loss(), at_.lr, speed.images_per_second, speed.data_wait});
    // Numbered from 0, so that TensorBoard keeps those up to a saved step when a run goes on from there.
    events_.add("train/loss", at_.step - 1, mean_loss());
    events_.add("train/lr", at_.step - 1, at_.lr);
    events_.add("train/images_per_second", at_.step - 1, speed.images_per_second);
  }

  /// Tests what the epoch came to, and writes it down.
  void test_epoch(const Speed& speed, const Stopwatch& watch) {
    progress_.note("evaluating");
    Confusion confusion(test_set_.classes);
    extremes_ = Extremes(test_set_.normalization);
    evaluation_ = evaluate(learner_.judged(), test_loader_, [&](const Batch& batch, const engine::Tensor& logits) {
      stop_if_interrupted();
      confusion.add(batch.labels, logits.data());
      extremes_.add(batch, logits);
    });
    engine::write_file(run_.path() / "confusion.csv", confusion.csv());
    MixedEvaluation mixed{NAN, NAN};
    if (flags_.mixing.mix != "none") {
      mixed = evaluate_mixed(learner_.judged(), test_loader_, always_,
                             [&](const Batch&, const engine::Tensor&) { stop_if_interrupted(); });
    }
    progress_.clear();
    if (std::isnan(evaluation_.loss)) {
      std::fprintf(stderr, "epoch %ld: what comes out for some test images is not finite\n", at_.epoch + 1);
    }

    run_.append({at_.epoch + 1, mean_loss(), evaluation_.loss, evaluation_.top1, evaluation_.top5, mixed.top1,
                 mixed.top2, at_.lr});
    events_.add("eval/loss", at_.step, evaluation_.loss);
    events_.add("eval/top1", at_.step, evaluation_.top1);
    events_.add("eval/top5", at_.step, evaluation_.top5);
    if (!std::isnan(mixed.top1)) {
      events_.add("eval/mixed_top1", at_.step, mixed.top1);
      events_.add("eval/mixed_top2", at_.step, mixed.top2);
    }
    if (saved_ == at_.step) keep_best(run_, static_cast<size_t>(flags_.checkpoint_hist), learner_.judged(), metadata_);
    if (flags_.quiet) return;
    const bool trained = speed.images_per_second > 0;  // else it only was to be tested
    std::printf("%5ld%8s%8s%7.2f%7.2f%7s%7s%9.5f%7s%6s%8s\n", at_.epoch + 1, loss_text(mean_loss()).c_str(),
                loss_text(evaluation_.loss).c_str(), evaluation_.top1, evaluation_.top5, percent(mixed.top1).c_str(),
                percent(mixed.top2).c_str(), at_.lr, trained ? format("%.0f", speed.images_per_second).c_str() : "-",
                trained ? format("%.1f%%", 100 * speed.data_wait).c_str() : "-", clock_time(watch.seconds()).c_str());
    std::fflush(stdout);
  }

  /// What is known before the first step.
  void write_head(const Arguments& told, const MemoryForecast& forecast) {
    run_.write_arguments(origin_.arguments);
    const int64_t parameters = nn::count_parameters(learner_.network());
    nlohmann::ordered_json about = nlohmann::ordered_json::parse(origin_.environment);
    about["parameters"] = parameters;
    engine::write_file(run_.path() / "env.json", json_text(about, 2) + "\n");
    if (flags_.mixing.mix != "none") {
      write_mixed_sheet(train_set_, always_, flags_.seed, flags_.mixing.mix + " on " + train_set_.name,
                        run_.path() / "images");
    }
    if (flags_.quiet) return;
    if (flags_.resume == "auto" && at_.step == 0) std::printf("nothing to go on with: a new run begins\n\n");
    if (at_.step > 0) {
      std::printf("goes on after step %ld of %ld, in epoch %ld of %ld\n\n", at_.step, steps_, at_.epoch + 1,
                  flags_.epochs);
    }
    if (device_of(flags_) == engine::Device::cuda) std::printf("on %s\n\n", engine::gpu().name.c_str());
    for (const Argument& argument : told) std::printf("%-18s %s\n", argument.name.c_str(), argument.value.c_str());
    std::printf("\n%s: %ld parameters; %s: %ld training and %ld test images, %zu classes\n", flags_.model.model.c_str(),
                parameters, train_set_.name.c_str(), train_set_.count(), test_set_.count(), train_set_.classes.size());
    std::printf("memory: about %s will be used, %s can be had\n\n", memory_size(forecast).c_str(),
                memory_size(memory_within_reach()).c_str());
    std::printf(
        "       ---- loss ----  -- test %% --  - mixed %% --\n"
        "epoch   train    test  top-1  top-5  top-1  top-2       lr  img/s  wait    time\n");
    std::fflush(stdout);
  }

  void write_end(const MemoryForecast& forecast) {
    stop_if_interrupted();
    bool told = true;
    try {
      write_gallery(learner_.judged(), test_set_, always_, extremes_, title_of(flags_, test_set_.name),
                    run_.path() / "images");
      write_report(run_.path());
    } catch (const std::exception& error) {  // the training is done all the same
      std::fprintf(stderr, "no report.html: %s\n", error.what());
      told = false;
    }
    if (!flags_.quiet) {
      const MemoryForecast used{most_memory_used(), engine::memory::usage(device_of(flags_)).peak};
      std::printf("\nmemory: %s were used at most, forecast were %s\n",
                  memory_size(forecast.gpu > 0 ? used : MemoryForecast{used.system}).c_str(),
                  memory_size(forecast).c_str());
    }
    std::printf("%sfinal accuracy: %.2f %% top-1 (chance is %.2f %%)\nrun folder: %s%s\n", flags_.quiet ? "" : "\n",
                evaluation_.top1, 100.0 / static_cast<double>(test_set_.classes.size()), run_.path().c_str(),
                told ? ", with report.html" : "");
    if (interrupted()) throw Interrupted{interrupted()};  // all is done, but whoever called may not want to go on
  }

  const TrainingFlags& flags_;
  const Origin& origin_;
  const data::Dataset &train_set_, &test_set_;
  Loader loader_, test_loader_;
  Learner learner_;
  const mixup::Policy always_;
  nn::Metadata metadata_;
  const int64_t updates_, steps_;  // in an epoch; in all
  const nn::Schedule schedule_;
  std::optional<FolderLock> lock_;  // until the folder has it
  Position at_;
  RunFolder run_;
  StateFiles states_;
  EventFile events_;
  Progress progress_;
  Evaluation evaluation_{};
  Extremes extremes_;   // of the last test
  Batch batch_;         // the last one
  int64_t saved_ = -1;  // the step that was saved last
};

}  // namespace

void train(const TrainingFlags& flags, const Origin& origin, const Arguments& told, const data::Dataset& train_set,
           const data::Dataset& test_set, const fs::path& resumed) {
  const MemoryForecast forecast = forecast_memory(flags, train_set, &test_set);
  require_memory(forecast, flags.batch_size);
  try {
    Training(flags, origin, train_set, test_set, resumed).run(told, forecast);
  } catch (const engine::memory::OutOfMemory& error) {
    if (forecast.gpu == 0) throw;
    const int64_t fits = batch_that_fits(forecast, flags.batch_size * 3 / 4, engine::gpu().memory / 4 * 3);
    engine::fail(error.what(), ": --batch-size ", fits, " should fit");
  }
}

}  // namespace apps
