#pragma once

#include <string>

#include "apps/support/command_line.h"
#include "apps/support/device_flags.h"
#include "apps/support/loss_flags.h"
#include "apps/support/mixing_flags.h"
#include "apps/support/model_flags.h"
#include "engine/device.h"
#include "nn/optimizer.h"

namespace apps {

/// Everything about a training run that does not depend on the data set, bound to flags by timm's names.
struct TrainingFlags {
  ModelFlags model;
  std::string init_checkpoint;

  MixingOptions mixing;
  LossFlags loss;

  int64_t epochs = 10, max_steps = 0;  // max_steps 0: no limit
  int64_t batch_size = 128;
  double lr = 0.1, min_lr = 0, warmup_lr = 1e-5, decay_rate = 0.1;
  std::string sched = "cosine";
  double warmup_epochs = 0, decay_epochs = 30;
  std::string opt = "sgd";
  nn::OptimizerOptions optimizer = {.weight_decay = 1e-4f};
  double clip_grad = 0;  // 0: not
  enum class OnNan { stop, skip, rollback } on_nan = OnNan::stop;
  int64_t accumulate = 1;  // batches a step
  bool model_ema = false;  // average of the weights
  double ema_decay = 0.9998;

  uint64_t seed = 42;
  int threads = 0, workers = 1;  // threads 0: all cores
  std::string device = "cpu", conv = "auto";
  GpuFlags gpu;
  std::string output = "output", experiment;
  std::string resume;  // a run folder, a state file, or "auto"
  int64_t recovery_interval = 0, checkpoint_hist = 3;
  int64_t log_interval = 50;
  bool quiet = false;
};

/// Adds the flags of every training program.
void add_training_flags(CommandLine& line, TrainingFlags& options);

/// Fills in what was left to be chosen, prepares the threads, and checks the device.
void resolve(TrainingFlags& options, data::Family family);

/// The device of --device.
engine::Device device_of(const TrainingFlags& flags);

/// The flags without --init-checkpoint, where the weights come from elsewhere or do not matter.
TrainingFlags without_initial_weights(TrainingFlags flags);

/// What the pictures of a run are headed by: "resnet18, cutmix, dm on cifar100".
std::string title_of(const TrainingFlags& flags, const std::string& dataset);

}  // namespace apps
