#pragma once

#include "nn/gate.h"
#include "nn/module.h"

namespace nn {

/// The exponential moving average of a network's weights and running statistics, kept in a second network of the same
/// entries (Polyak, Juditsky, 1992): after each step, average += (1 - decay) (value - average).
class Ema {
 public:
  /// Starts from the network's values now.
  Ema(const Module& network, const Module& average, double decay);
  /// After a step that the gate let through.
  void update(const Gate& gate);

 private:
  engine::Tensors from_, to_;
  float weight_;
};

}  // namespace nn
