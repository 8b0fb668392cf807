#include "apps/support/training_flags.h"

#include "engine/names.h"
#include "engine/ops.h"
#include "engine/parallel.h"
#include "nn/schedule.h"

namespace apps {

void add_training_flags(CommandLine& line, TrainingFlags& o) {
  line.group("Model");
  add_model_flags(line, o.model);
  line.add("--init-checkpoint,--initial-checkpoint", o.init_checkpoint,
           "Weights to start from, safetensors with torchvision's names; a head for other classes is left out")
      ->check(file());

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
  line.add_choice("--on-nan", o.on_nan, "answer", {"stop", "skip", "rollback"},
                  "Where a loss, a logit or a gradient is no longer finite: stop, leave that step out, or go back to "
                  "what was saved at the end of an epoch or a --recovery-interval, and on with the step after it");
  line.add("--grad-accum-steps", o.accumulate, "Batches whose gradients make one step")->check(between(1, 1e6));
  line.add_switch("--model-ema", o.model_ema, "Save an average of the weights too, and evaluate that one");
  line.add("--model-ema-decay", o.ema_decay, "A step moves the average by 1 - decay")->check(between(0, 0.9999999));
  line.add("--seed", o.seed, "Of weights, order, augmentation and mixing")->check(between(0, 1.8e19));

  line.group("Machine");
  line.add("--threads", o.threads, "Computing threads; 0: all cores")->check(between(0, 1024));
  line.add("--conv", o.conv, "How convolutions are computed: the fastest way for a shape, or always one")
      ->check(one_of("algorithm", engine::names_of(engine::conv_algorithms())));
  line.add("-j,--workers", o.workers, "Threads that prepare data; 0: none")->check(between(0, 256));
  add_device_flag(line, o.device);
  add_gpu_flags(line, o.gpu);

  line.group("Output");
  line.add("--output", o.output, "Folder that run folders are made in")->check(folder());
  line.add("--experiment", o.experiment, "Name of the run folder; not given: time, model and data set")
      ->check(folder_name());
  line.add("--resume", o.resume,
           "Go on with the run in this folder, or by auto with --experiment or the newest in --output; from a "
           "checkpoint-<epoch>.state.safetensors in a new folder")
      ->check(path({"auto"}));
  line.add("--recovery-interval", o.recovery_interval,
           "Steps after which a run is saved, besides the end of each epoch; 0: never")
      ->check(between(0, 1e12));
  line.add("--checkpoint-hist", o.checkpoint_hist, "How many of the best epochs' weights and states are kept")
      ->check(between(0, 1e6));
  line.add("--log-interval,--print-freq", o.log_interval,
           "Steps between two lines of metrics.jsonl, points of TensorBoard, and lines on stderr where that is no "
           "terminal")
      ->check(between(1, 1e9));
  line.add_switch("-q,--quiet", o.quiet, "Print nothing but trouble and the final accuracy");
}

void resolve(TrainingFlags& o, data::Family family) {
  if (o.warmup_epochs > static_cast<double>(o.epochs)) {
    throw UsageError("--warmup-epochs is above --epochs: the learning rate would never reach --lr");
  }
  if (!o.model_ema && o.ema_decay != TrainingFlags().ema_decay) {
    throw UsageError("--model-ema-decay: without --model-ema it is not read");
  }
  apps::apply(o.gpu, o.device);
  resolve(o.mixing, family);
  check(o.loss);
  if (o.mixing.mix != "none" && o.batch_size < 2)
    throw UsageError("--mix: a batch of one image has no partner to offer");
  if (o.threads > 0) engine::set_threads(o.threads);
  engine::set_conv_algorithm(o.conv);
}

engine::Device device_of(const TrainingFlags& flags) { return device_named(flags.device); }

TrainingFlags without_initial_weights(TrainingFlags flags) {
  flags.init_checkpoint.clear();
  return flags;
}

std::string title_of(const TrainingFlags& flags, const std::string& dataset) {
  const std::string mix = flags.mixing.mix == "none" ? "" : flags.mixing.mix + ", ";
  return flags.model.model + ", " + mix + flags.loss.loss + " on " + dataset;
}

}  // namespace apps
