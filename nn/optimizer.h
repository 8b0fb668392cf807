#pragma once

#include <vector>

#include "engine/kernels.h"
#include "nn/module.h"

namespace nn {

/// Stochastic gradient descent with momentum, plain or Nesterov's, and weight decay.
class Sgd {
 public:
  struct Options {
    float momentum = 0.9f, weight_decay = 0;
    bool nesterov = false;
    bool decay_offsets = false;  // weight decay on biases and batch norm too
  };
  Sgd(const Module& network, const Options& options);

  /// Moves every parameter that has a gradient, and clears the gradients.
  void step(float lr);

 private:
  struct Slot {
    engine::Variable parameter;
    engine::Tensor velocity;
    float weight_decay;
  };
  Options options_;
  std::vector<Slot> slots_;
};

}  // namespace nn
