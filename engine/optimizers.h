#pragma once

#include <cmath>

#include "engine/host_device.h"
#include "engine/kernels.h"

namespace engine {

/// Moves both running means towards a gradient and its square, and returns Adam's direction.
struct Adam {
  DEMIX_HOST_DEVICE float operator()(float slope, const float* rate, float& mean, float& square) const {
    mean = beta1 * mean + (1 - beta1) * slope;
    square = beta2 * square + (1 - beta2) * slope * slope;
    return mean * rate[1] / (std::sqrt(square) * rate[2] + eps);
  }

  float beta1, beta2, eps;
};

/// Whether a tensor of these lengths is moved by LAMB in proportion to its own, and how far.
DEMIX_HOST_DEVICE inline float lamb_rate(float lr, const AdamSpec& spec, double size, double length) {
  const bool trusts = spec.weight_decay > 0 && size > 0 && length > 0;
  return static_cast<float>(lr * (trusts ? size / length : 1.0));
}

/// What kernel admit makes of a gate.
DEMIX_HOST_DEVICE inline void admit(float norm, float loss, float most, float* gate) {
  // Of what is finite the difference from itself is 0, of anything else NaN.
  if (!(norm - norm == 0 && loss - loss == 0)) gate[1] = 1;
  gate[0] = gate[1] != 0 ? 0 : norm > most ? most / (norm + 1e-6f) : 1;
}

}  // namespace engine
