#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "apps/support/training_flags.h"
#include "data/loader.h"
#include "engine/recording.h"
#include "mixup/losses.h"
#include "mixup/policies.h"
#include "nn/ema.h"
#include "nn/module.h"
#include "nn/optimizer.h"

namespace apps {

/// A network and what it learns with: policy, loss, optimizer, and the average of its weights where one is wanted. A
/// step is learn_from() for each of its batches, then update().
class Learner {
 public:
  /// For pictures like those of a data set. An Error where the policy mixes in a stage that the network has not.
  Learner(const TrainingFlags& flags, const data::Dataset& set);

  /// The loss of a batch, and the share of its images for which the best class is one of their own.
  struct Lesson {
    double loss = 0, known = 0;
  };
  /// Mixes a batch and adds the gradients of its loss, times the batch's share of the step. Where a logit or the loss
  /// is not finite, neither is the lesson's loss.
  Lesson learn_from(const data::Batch& batch, double share);

  /// Moves the weights along the gradients, and returns an empty text. Where something was not finite since the last
  /// update it names that, such as "conv2d of conv1.weight", and the step is as if it had not been.
  std::string update(double lr);

  /// The same text about a test of the network, and of the average, with some of these images; nothing changes.
  std::string not_finite_in_test(const engine::Tensor& images);

  nn::Network& network() { return *network_; }

  /// The average of the weights, or none.
  nn::Network* average() { return average_.get(); }

  /// The network that is tested: the average where there is one.
  nn::Network& judged() { return average_ ? *average_ : *network_; }

  /// Everything it takes to go on from here, besides the number of steps.
  nn::State tensors() const;
  void set_steps(int64_t steps) { optimizer_->set_steps(steps); }

  /// Takes over tensors() that were changed from outside.
  void accept() { keep_buffers(); }

 private:
  /// A step's forward and backward pass, recorded for the GPU: what it reads and what it computes.
  struct Recorded {
    bool prepared = false;  // whether such a step was made to its end, so that it can be recorded
    engine::Tensor images, rows;
    engine::Tensor logits, loss, squares;
    std::vector<engine::Tensor> gradients;
    std::optional<engine::Recording> recording;
  };

  void keep_buffers();
  void restore_buffers();

  /// Where a step of that kind has been made before, does it by its recording and returns what came out.
  Recorded* replay(const engine::Tensor& images, const mixup::Targets& targets);

  const engine::Device device_;
  const bool records_;
  double clip_grad_;
  uint64_t seed_;
  std::unique_ptr<nn::Network> network_, average_;
  std::optional<nn::Ema> ema_;
  mixup::Policy policy_;
  mixup::Loss criterion_;
  std::unique_ptr<nn::Optimizer> optimizer_;
  std::vector<std::pair<engine::Tensor, engine::Tensor>> buffers_;  // running statistics, and as they last were good
  std::map<std::pair<int64_t, mixup::Kind>, Recorded> recorded_;    // by the size of the batch and how it was mixed
  engine::Tensor squares_;  // of the gradients, where a recording has summed them up
  std::string not_finite_;
};

}  // namespace apps
