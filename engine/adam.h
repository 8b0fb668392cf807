#pragma once

#include <cmath>

#include "engine/host_device.h"
#include "engine/kernels.h"

namespace engine {

/// Moves both running means towards a gradient and its square, and returns Adam's direction.
struct Adam {
  explicit Adam(const AdamSpec& spec)
      : s(spec),
        correction1(1 / (1 - std::pow(spec.beta1, static_cast<float>(spec.step)))),
        correction2(1 / std::sqrt(1 - std::pow(spec.beta2, static_cast<float>(spec.step)))) {}
  DEMIX_HOST_DEVICE float operator()(float slope, float& mean, float& square) const {
    mean = s.beta1 * mean + (1 - s.beta1) * slope;
    square = s.beta2 * square + (1 - s.beta2) * slope * slope;
    return mean * correction1 / (std::sqrt(square) * correction2 + s.eps);
  }

  AdamSpec s;
  float correction1, correction2;
};

}  // namespace engine
