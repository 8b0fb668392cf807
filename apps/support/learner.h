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

  /// The same from several batches, as if they were one. A GPU may still be at it when this returns, and at the steps
  /// before: of each outcome() tells.
  void begin(double lr, int64_t batches, const std::function<const data::Batch&()>& next);

  /// Of how many steps that were begun it did not tell; and of the first of them, once it is done.
  int64_t untold() const { return static_cast<int64_t>(steps_.size()); }
  Outcome outcome();

  /// The same text about a test of the network, and of the average, with some of these images; nothing changes.
  std::string not_finite_in_test(const engine::Tensor& images);

  nn::Network& network() { return *network_; }

  /// The average of the weights, or none.
  nn::Network* average() { return average_.get(); }

  /// The network that is tested: the average where there is one.
  nn::Network& judged() { return average_ ? *average_ : *network_; }

  /// Everything it takes to go on from here, besides the number of steps. An Error where a step was not told of.
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

  /// A step that was not told of. Where it may be under way it has its lesson: to find what was not finite in it, or to
  /// be started again because the one before it was not.
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

  /// Forward and backward pass, and the update of all that learns.
  Result learn(const std::function<engine::Variable()>& forward, const mixup::Targets& targets, double share);
  void update(const engine::Tensor& loss);

  void start(Step& step);
  Result run(Recorded& recorded, const Lesson& lesson);

  /// Adds what came of a lesson to the outcome of its step; and where a gradient is not finite, which.
  void tell(Lesson& lesson, double share, Outcome& outcome);
  std::string gradient_not_finite() const;

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
