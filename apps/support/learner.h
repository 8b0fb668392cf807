#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "apps/support/training_flags.h"
#include "data/loader.h"
#include "engine/fetch.h"
#include "engine/recording.h"
#include "mixup/losses.h"
#include "mixup/policies.h"
#include "nn/ema.h"
#include "nn/gate.h"
#include "nn/module.h"
#include "nn/optimizer.h"

namespace apps {

/// A network and what it learns with: policy, loss, optimizer, and the average of its weights where one is wanted.
class Learner {
 public:
  /// For pictures like those of a data set. An Error where the policy mixes in a stage that the network has not.
  Learner(const TrainingFlags& flags, const data::Dataset& set);

  /// What came of a step: the mean loss of its images, and the share of them for which the best class is one of their
  /// own. Where something was not finite it is named, such as "conv2d of conv1.weight", and everything is as if the
  /// step had not been.
  struct Outcome {
    double loss = 0, known = 0;
    int64_t batches = 1;
    std::string not_finite = {};
  };

  /// One step: learns from a batch.
  Outcome step(double lr, const data::Batch& batch);

  /// The same from several batches, as if they were one. A GPU may still be at a step from one batch when this returns;
  /// before one from several, the outcome of every other has to be taken.
  void begin(double lr, int64_t batches, const std::function<const data::Batch&()>& next);

  /// How many steps were begun whose outcome was not taken.
  int64_t pending() const { return static_cast<int64_t>(steps_.size()); }

  /// Takes the outcome of the first of them, once it is done.
  Outcome outcome();

  /// The same text about a test of the network, and of the average, with some of these images; nothing changes.
  std::string not_finite_in_test(const engine::Tensor& images);

  nn::Network& network() { return *network_; }

  /// The average of the weights, or none.
  nn::Network* average() { return average_.get(); }

  /// The network that is tested: the average where there is one.
  nn::Network& judged() { return average_ ? *average_ : *network_; }

  /// Everything it takes to go on from here, besides the number of steps. An Error while a step is pending.
  nn::State tensors() const;
  void set_steps(int64_t steps) { optimizer_->set_steps(steps); }

  /// Takes over tensors() that were changed from outside.
  void accept();

 private:
  /// A batch and how it is mixed, and what came of it.
  struct Lesson {
    engine::Tensor images;
    mixup::Plan plan;
    mixup::Targets targets;
    engine::Fetch logits = {}, loss = {};
  };

  /// A pending step. Where it may be under way it has its lesson: to find what was not finite in it, or to be started
  /// again because the one before it was not.
  struct Step {
    double lr;
    Outcome outcome = {};
    std::optional<Lesson> lesson = {};
    engine::Fetch norm = {};
  };

  /// Logits and loss of a batch, on the device.
  struct Result {
    engine::Tensor logits, loss;
  };

  /// The work of a step on the GPU, recorded: what it reads and what it computes.
  struct Recorded {
    bool prepared = false;  // whether such a step was begun before, so that it can be recorded
    engine::Tensor images, rows;
    Result result;
    std::optional<engine::Recording> recording;
  };

  Lesson lesson_of(const data::Batch& batch) const;
  engine::Variable forward(const Lesson& lesson);

  /// Forward and backward pass.
  Result learn(const std::function<engine::Variable()>& forward, const mixup::Targets& targets, double share);

  /// The update of all that learns, if all is finite.
  void update(const engine::Tensor& loss);

  /// Begins the work of a step from one batch on a GPU.
  void start(Step& step);

  /// Does a step by its recording, which it makes first where there is none.
  Result replay(Recorded& recorded, const Lesson& lesson);

  /// Adds what came of a lesson to the outcome of its step.
  void add(Lesson& lesson, double share, Outcome& outcome);

  const engine::Device device_;
  const bool records_;
  double clip_grad_;
  uint64_t seed_;
  std::unique_ptr<nn::Network> network_, average_;
  std::optional<nn::Ema> ema_;
  mixup::Policy policy_;
  mixup::Loss criterion_;
  std::unique_ptr<nn::Optimizer> optimizer_;
  nn::Gate gate_;
  engine::Tensors buffers_, kept_;  // running statistics, and as they last were good
  std::deque<Step> steps_;
  std::map<std::pair<int64_t, mixup::Kind>, Recorded> recorded_;  // by the size of the batch and how it was mixed
};

}  // namespace apps
