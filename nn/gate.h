#pragma once

#include "engine/tensor.h"

namespace nn {

/// Lets the steps of a training through, or not. The device decides, when a step's gradients are there, so that the CPU
/// can begin what comes after without waiting for them.
class Gate {
 public:
  /// An open one.
  explicit Gate(engine::Device device);

  /// Lets a step through with gradients that together have a norm of at most `most`: longer ones are scaled (Pascanu,
  /// Mikolov, Bengio, 2013). Where the loss (1) or a gradient is not finite it closes, for this step and all others.
  void admit(const engine::Tensors& gradients, const engine::Tensor& loss, double most);
  void open();

  /// As kernels read it (2), and the norm of the last step's gradients (1).
  const engine::Tensor& state() const { return state_; }
  const engine::Tensor& norm() const { return norm_; }

 private:
  engine::Tensor state_, norm_;
};

}  // namespace nn
