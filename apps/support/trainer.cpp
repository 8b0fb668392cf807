#include "apps/support/trainer.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <optional>

#include "apps/support/checkpoint.h"
#include "apps/support/confusion.h"
#include "apps/support/environment.h"
#include "apps/support/evaluation.h"
#include "apps/support/finite.h"
#include "apps/support/format.h"
#include "apps/support/interrupt.h"
#include "apps/support/progress.h"
#include "apps/support/report.h"
#include "apps/support/sheet.h"
#include "apps/support/tensorboard.h"
#include "apps/support/training_state.h"
#include "data/loader.h"
#include "engine/file.h"
#include "engine/names.h"
#include "engine/ops.h"
#include "engine/parallel.h"
#include "mixup/losses.h"
#include "mixup/policies.h"
#include "nn/ema.h"
#include "nn/optimizer.h"
#include "nn/schedule.h"

namespace apps {

using data::Batch;
using data::Loader;
using engine::Purpose;
using engine::Rng;
using engine::Tensor;
using engine::Variable;
using nn::Mode;

namespace {

/// Two digits after the point, or a dash where nothing was measured.
std::string percent(double value) { return std::isnan(value) ? "-" : format("%.2f", value); }

/// The entries under longer names.
nn::State prefixed(const std::string& prefix, nn::State state) {
  for (nn::Entry& entry : state) entry.name.insert(0, prefix);
  return state;
}

/// Copies of the running statistics in a network's state, to undo what a forward pass did to them.
class Buffers {
 public:
  explicit Buffers(const nn::State& state) {
    for (const nn::Entry& entry : state) {
      if (entry.kind == nn::Entry::Kind::buffer)
        pairs_.emplace_back(entry.variable.value(), Tensor(entry.variable.shape()));
    }
    keep();
  }
  void keep() {
    for (auto& [value, copy] : pairs_) std::copy_n(value.data(), value.elements(), copy.data());
  }
  void restore() {
    for (auto& [value, copy] : pairs_) std::copy_n(copy.data(), copy.elements(), value.data());
  }

 private:
  std::vector<std::pair<Tensor, Tensor>> pairs_;
};

/// A sheet of training images before and after mixing, as images/mixed.png.
void write_mixed_sheet(const data::Dataset& set, const TrainerOptions& o, const mixup::Policy& policy,
                       const std::filesystem::path& folder) {
  Loader loader(set, {.batch = std::min<int64_t>(8, set.count()), .train = true, .seed = o.seed, .workers = 0});
  loader.start(0);
  Batch batch;
  loader.next(batch);
  Rng rng(o.seed, Purpose::mix);
  const mixup::Plan plan = policy(batch, rng);
  std::filesystem::create_directories(folder);
  sheet(set,
        {sheet_row("image", set, batch, mixup::unmixed(batch).partner), sheet_row("partner", set, batch, plan.partner),
         mixed_sheet_row("mixed", set, batch, plan)},
        o.mixing.mix + " on " + set.name)
      .save(folder / "mixed.png");
}

/// Saves the weights where the epoch that just ended is one of the best, as checkpoint-<epoch>, and as model_best where
/// it is the best; removes those of an epoch that no longer is.
void keep_best(const RunFolder& run, size_t most, const nn::Module& network, const nn::Metadata& metadata) {
  const auto path = [&](int64_t epoch) { return run.path() / engine::text("checkpoint-", epoch, ".safetensors"); };
  const auto epoch = static_cast<int64_t>(run.rows().size());
  const std::vector<int64_t> best = run.best_epochs(most + 1);
  if (best[0] == epoch) nn::save_weights(network, run.path() / "model_best.safetensors", metadata);
  const auto rank = static_cast<size_t>(std::find(best.begin(), best.end(), epoch) - best.begin());
  if (rank >= most) return;
  nn::save_weights(network, path(epoch), metadata);
  std::error_code error;
  if (best.size() > most) std::filesystem::remove(path(best.back()), error);
}

int64_t steps_of(double epochs, int64_t updates) { return std::llround(epochs * static_cast<double>(updates)); }

}  // namespace

void add_trainer_flags(CommandLine& line, TrainerOptions& o) {
  line.group("Model");
  add_model_flags(line, o.model);
  line.add("--init-checkpoint,--initial-checkpoint", o.init_checkpoint,
           "Weights to start from, safetensors with torchvision's names; a head for other classes is left out");

  line.group("Mixing and loss");
  add_mixing_flags(line, o.mixing);
  line.add("--mixup", o.mixing.mixup, "Alpha of mixup, as timm has it: --mix mixup@0.8 for --mixup 0.8")
      ->check(between(0, 1e6));
  line.add("--cutmix", o.mixing.cutmix, "Alpha of cutmix; with --mixup both take turns")->check(between(0, 1e6));
  add_loss_flags(line, o.loss);

  line.group("Training");
  line.add("--epochs", o.epochs, "Passes over the training set")->check(between(1, 1e6));
  line.add("--max-steps", o.max_steps, "Stop after so many steps; 0: never")->check(between(0, 1e12));
  line.add("-b,--batch-size", o.batch_size, "Images in a step")->check(between(1, 1e6));
  line.add("--lr", o.lr, "Learning rate")->check(between(0, 1e6));
  line.add("--sched", o.sched, "Schedule of the learning rate")
      ->check(one_of("schedule", engine::names_of(nn::schedules())));
  line.add("--min-lr", o.min_lr, "Lowest learning rate")->check(between(0, 1e6));
  line.add("--warmup-epochs", o.warmup_epochs, "Linear rise of the learning rate")->check(between(0, 1e6));
  line.add("--warmup-lr", o.warmup_lr, "Where the rise starts")->check(between(0, 1e6));
  line.add("--decay-epochs", o.decay_epochs, "Epochs between two falls of --sched step")->check(between(0.001, 1e6));
  line.add("--decay-rate", o.decay_rate, "Factor of a fall of --sched step")->check(between(0, 1));
  line.add("--opt", o.opt, "Optimizer")->check(one_of("optimizer", engine::names_of(nn::optimizers())));
  line.add("--momentum", o.optimizer.momentum, "Momentum of sgd")->check(between(0, 0.999999));
  line.add_switch("--nesterov,!--no-nesterov", o.optimizer.nesterov, "Nesterov's momentum");
  line.add("--opt-beta1", o.optimizer.beta1, "Memory of adamw and lamb for gradients")->check(between(0, 0.999999));
  line.add("--opt-beta2", o.optimizer.beta2, "Memory of adamw and lamb for their squares")->check(between(0, 0.999999));
  line.add("--opt-eps", o.optimizer.eps, "Added to the divisor by adamw and lamb")->check(between(1e-20, 1));
  line.add("--weight-decay,--wd", o.optimizer.weight_decay, "Weight decay")->check(between(0, 1e6));
  line.add_switch("--decay-offsets", o.optimizer.decay_offsets, "Weight decay on biases and batch norm too");
  line.add("--clip-grad", o.clip_grad, "Largest norm of all gradients together; 0: any")->check(between(0, 1e6));
  line.add_choice("--on-nan", o.on_nan, "answer", {"stop", "skip"},
                  "Where a loss or gradient is no longer finite: stop, or leave that step out");
  line.add("--grad-accum-steps", o.accumulate, "Batches whose gradients make one step")->check(between(1, 1e6));
  line.add_switch("--model-ema", o.model_ema, "Save an average of the weights too, and evaluate that one");
  line.add("--model-ema-decay", o.ema_decay, "A step moves the average by 1 - decay")->check(between(0, 0.9999999));
  line.add("--seed", o.seed, "Of weights, order, augmentation and mixing")->check(between(0, 1.8e19));

  line.group("Machine");
  line.add("--threads", o.threads, "Computing threads; 0: all cores")->check(between(0, 1024));
  line.add("--conv", o.conv, "How convolutions are computed: the fastest way for a shape, or always one")
      ->check(one_of("algorithm", engine::names_of(engine::conv_algorithms())));
  line.add("-j,--workers", o.workers, "Threads that prepare data; 0: none")->check(between(0, 256));
  line.add("--device", o.device, "Where to compute")->check(one_of("device", {"cpu", "cuda"}));

  line.group("Output");
  line.add("--output", o.output, "Folder that run folders are made in")->check(not_empty());
  line.add("--experiment", o.experiment, "Name of the run folder; not given: time, model and data set")
      ->check(folder_name());
  line.add("--resume", o.resume,
           "Go on with the run in this folder, or by auto with --experiment or the newest in --output");
  line.add("--recovery-interval", o.recovery_interval,
           "Steps after which a run is saved, beside the end of each epoch; 0: none")
      ->check(between(0, 1e12));
  line.add("--checkpoint-hist", o.checkpoint_hist, "How many of the best epochs' weights are kept")
      ->check(between(0, 1e6));
  line.add("--log-interval,--print-freq", o.log_interval, "Steps between two lines where stderr is no terminal")
      ->check(between(1, 1e9));
}

void resolve(TrainerOptions& o, data::Family family) {
  if (o.warmup_epochs > static_cast<double>(o.epochs)) {
    throw UsageError("--warmup-epochs is above --epochs: the learning rate would never reach --lr");
  }
  if (!o.model_ema && o.ema_decay != TrainerOptions().ema_decay) {
    throw UsageError("--model-ema-decay: without --model-ema it is not read");
  }
  engine::require_device(o.device == "cuda" ? engine::Device::cuda : engine::Device::cpu);
  resolve(o.mixing, family);
  check(o.loss);
  if (o.mixing.mix != "none" && o.batch_size < 2)
    throw UsageError("--mix: a batch of one image has no partner to offer");
  if (o.threads == 0) o.threads = engine::threads();
  engine::set_threads(o.threads);
  engine::set_conv_algorithm(o.conv);
}

void train(const TrainerOptions& o, const Arguments& arguments, const data::Dataset& train_set,
           const data::Dataset& test_set, const std::filesystem::path& resumed) {
  Loader loader(train_set, {.batch = o.batch_size, .train = true, .seed = o.seed, .workers = o.workers});
  Loader test_loader(test_set, {.batch = o.batch_size, .train = false, .workers = o.workers});
  const int64_t updates = (loader.batches() + o.accumulate - 1) / o.accumulate;  // in an epoch
  const int64_t steps = o.max_steps > 0 ? std::min(o.max_steps, o.epochs * updates) : o.epochs * updates;

  const auto classes = static_cast<int64_t>(train_set.classes.size());
  const auto network = make_network(o.model, classes, train_set.size, o.seed);
  if (!o.init_checkpoint.empty() && resumed.empty()) load_initial(*network, o.init_checkpoint);
  const auto average = o.model_ema ? make_network(o.model, classes, train_set.size, o.seed) : nullptr;
  std::optional<nn::Ema> ema;
  if (average) ema.emplace(*network, *average, o.ema_decay);
  nn::Network& judged = average ? *average : *network;

  const mixup::Policy policy = make_policy(o.mixing);
  require_stages(o.mixing, network->stages());
  MixingOptions each_batch = o.mixing;  // what the network is judged by
  each_batch.policy.prob = 1;
  each_batch.policy.off_epoch = 0;
  const mixup::Policy always = make_policy(each_batch);
  const mixup::Loss criterion = mixup::make_loss(o.loss.loss, o.loss.options);
  const auto optimizer = nn::make_optimizer(o.opt, *network, o.optimizer);
  const nn::Schedule schedule =
      nn::make_schedule(o.sched, {.lr = o.lr,
                                  .min_lr = o.min_lr,
                                  .steps = steps,
                                  .warmup_steps = steps_of(o.warmup_epochs, updates),
                                  .warmup_lr = o.warmup_lr,
                                  .decay_steps = std::max<int64_t>(1, steps_of(o.decay_epochs, updates)),
                                  .decay_rate = o.decay_rate});

  nn::Metadata metadata = metadata_of(arguments);
  metadata["stem"] = stem_of(o.model, train_set.size) == nn::Stem::cifar ? "cifar" : "imagenet";

  nn::State tensors = prefixed("network.", state_of(*network));
  for (nn::Entry& entry : prefixed("optimizer.", optimizer->memory())) tensors.push_back(std::move(entry));
  if (average)
    for (nn::Entry& entry : prefixed("average.", state_of(*average))) tensors.push_back(std::move(entry));
  Position at;
  if (has_state(resumed)) {
    at = StateFiles(resumed).load(tensors);
    optimizer->set_steps(at.step);
  }
  RunFolder run = resumed.empty() ? RunFolder::make(o.output, o.experiment, o.model.model + "-" + train_set.name)
                                  : RunFolder(resumed, at.rows, at.step);
  const StateFiles states(run.path());
  EventFile events(run.path(), at.step);
  run.write_arguments(arguments);
  nlohmann::ordered_json about = environment(train_set, test_set);
  about["parameters"] = nn::count_parameters(*network);
  engine::write_file(run.path() / "env.json", json_text(about, 2) + "\n");
  if (o.mixing.mix != "none") write_mixed_sheet(train_set, o, always, run.path() / "images");
  for (const Argument& argument : arguments) std::printf("%-16s %s\n", argument.name.c_str(), argument.value.c_str());
  std::printf("\n%s: %ld parameters; %s: %ld training and %ld test images, %ld classes\n\n", o.model.model.c_str(),
              nn::count_parameters(*network), train_set.name.c_str(), train_set.count(), test_set.count(), classes);
  std::printf(
      "epoch  train loss  eval loss   top-1 %%   top-5 %%  mixed top-1  mixed top-2        lr  images/s  data wait    "
      "time\n");
  std::fflush(stdout);

  Progress progress(o.log_interval);
  catch_interrupts();
  const auto save = [&] {
    at.rows = run.rows();
    states.save(tensors, at, arguments);
  };
  const auto stop_if_interrupted = [&](bool saved) {
    if (!interrupted()) return;
    progress.clear();
    if (!saved) save();
    std::fprintf(stderr, "saved; goes on with: --resume %s\n", run.path().c_str());
    throw Interrupted{interrupted()};
  };
  Buffers before(o.on_nan == TrainerOptions::OnNan::skip ? state_of(*network) : nn::State());
  int64_t skipped = 0;  // steps in a row
  Evaluation evaluation{};
  for (; at.epoch * updates < steps; ++at.epoch, at.batches = 0, at.loss_sum = 0) {
    const Stopwatch watch;
    const double waited_before = loader.waited();
    const int64_t first_step = at.epoch * updates, last_step = std::min(steps, first_step + updates),
                  first_batch = at.batches;
    const auto waited = [&] { return (loader.waited() - waited_before) / watch.seconds(); };
    const auto speed = [&] { return static_cast<double>((at.batches - first_batch) * o.batch_size) / watch.seconds(); };

    loader.start(at.epoch, first_batch);
    while (at.step < last_step) {
      const int64_t together = std::min(o.accumulate, loader.batches() - at.batches);
      Batch batch;
      std::string trouble;  // what is not finite
      for (int64_t i = 0; i < together && loader.next(batch); ++i, ++at.batches) {
        Rng rng(o.seed, Purpose::mix, static_cast<uint32_t>(batch.epoch), static_cast<uint32_t>(batch.step));
        const mixup::Plan plan = policy(batch, rng);
        const auto forward = [&] { return mixup::forward(*network, plan, batch.images, Mode::train); };
        const Variable logits = forward();
        if (!is_finite(logits.value())) {
          const engine::NoGrad no_grad;
          trouble = first_not_finite(*network, forward);
          continue;
        }
        const Variable loss = criterion(logits, mixup::targets(plan, batch.labels));
        at.loss_sum += loss.value().item();
        engine::backward(together == 1 ? loss : engine::scale(loss, 1 / static_cast<float>(together)));
      }
      const double norm = nn::clip_gradients(*network, o.clip_grad > 0 ? o.clip_grad : INFINITY);
      if (trouble.empty() && !std::isfinite(norm)) trouble = first_gradient_not_finite(*network);
      at.lr = schedule(at.step);
      if (trouble.empty()) {
        optimizer->step(static_cast<float>(at.lr));
        if (ema) ema->update();
        before.keep();
        skipped = 0;
      } else {
        progress.clear();
        std::string line = engine::text("step ", at.step + 1, ": ", trouble, " is not finite");
        ENSURE(o.on_nan == TrainerOptions::OnNan::skip, line,
               ": try a lower learning rate, --clip-grad or --warmup-epochs");
        ENSURE(++skipped < 10, line, ", and so were the ", skipped - 1, " steps before: nothing is learned any more");
        std::fprintf(stderr, "%s: it is left out\n", line.c_str());
        before.restore();
        optimizer->skip();
      }

      ++at.step;
      progress.show({at.epoch + 1, o.epochs, at.step - first_step, last_step - first_step,
                     at.loss_sum / static_cast<double>(at.batches), at.lr, speed(),
                     static_cast<double>((steps - at.step) * o.accumulate * o.batch_size) / speed(), waited()});
      if (at.step % o.log_interval == 0 || at.step == last_step) {
        const double loss = at.loss_sum / static_cast<double>(at.batches);
        run.log({at.epoch + 1, at.step, loss, at.lr, speed(), waited()});
        // Numbered from 0, so that TensorBoard keeps those up to a saved step when a run goes on from there.
        events.add("train/loss", at.step - 1, loss);
        events.add("train/lr", at.step - 1, at.lr);
        events.add("train/images_per_second", at.step - 1, speed());
      }
      if (at.step == last_step) break;  // saved below
      const bool due = o.recovery_interval > 0 && at.step % o.recovery_interval == 0;
      if (due) save();
      stop_if_interrupted(due);
    }
    const double images_per_second = speed(), data_wait = waited();
    nn::save_weights(*network, run.path() / "last.safetensors", metadata);
    if (average) nn::save_weights(*average, run.path() / "last.ema.safetensors", metadata);
    save();  // evaluated again, with the same result, if that is as far as it comes
    stop_if_interrupted(true);
    progress.note("evaluating");
    Confusion confusion(test_set.classes);
    evaluation = evaluate(judged, test_loader, [&](const Batch& batch, const engine::Tensor& logits) {
      stop_if_interrupted(true);
      confusion.add(batch.labels, logits.data());
    });
    engine::write_file(run.path() / "confusion.csv", confusion.csv());
    MixedEvaluation mixed{NAN, NAN};
    if (o.mixing.mix != "none") mixed = evaluate_mixed(judged, test_loader, always);
    progress.clear();

    const double train_loss = at.loss_sum / static_cast<double>(at.batches);
    run.append(
        {at.epoch + 1, train_loss, evaluation.loss, evaluation.top1, evaluation.top5, mixed.top1, mixed.top2, at.lr});
    events.add("eval/loss", at.step, evaluation.loss);
    events.add("eval/top1", at.step, evaluation.top1);
    events.add("eval/top5", at.step, evaluation.top5);
    if (!std::isnan(mixed.top1)) {
      events.add("eval/mixed_top1", at.step, mixed.top1);
      events.add("eval/mixed_top2", at.step, mixed.top2);
    }
    keep_best(run, static_cast<size_t>(o.checkpoint_hist), judged, metadata);
    std::printf("%5ld  %10.4f  %9.4f  %8.2f  %8.2f  %11s  %11s  %8.5f  %8.0f  %8.1f%%  %6s\n", at.epoch + 1, train_loss,
                evaluation.loss, evaluation.top1, evaluation.top5, percent(mixed.top1).c_str(),
                percent(mixed.top2).c_str(), at.lr, images_per_second, 100 * data_wait,
                clock_time(watch.seconds()).c_str());
    std::fflush(stdout);
  }
  try {
    write_report(run.path());
  } catch (const engine::Error& error) {  // the training is done all the same
    std::fprintf(stderr, "no report.html: %s\n", error.what());
  }
  std::printf("\nfinal accuracy: %.2f %% top-1 (chance is %.2f %%)\nrun folder: %s, with report.html\n",
              evaluation.top1, 100.0 / static_cast<double>(classes), run.path().c_str());
}

}  // namespace apps
