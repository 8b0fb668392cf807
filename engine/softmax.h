#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "engine/host_device.h"

namespace engine {

/// The softmax of a row, shifted by its maximum so that nothing overflows: for class c it is exp(z[c] - max - log_sum).
/// One class may be left out of it.
template <class Real>
struct Softmax {
  Real max, log_sum;

  DEMIX_HOST_DEVICE Softmax(const Real* z, int64_t classes, int64_t without = -1) : max(-INFINITY), log_sum(0) {
    for (int64_t c = 0; c < classes; ++c) {
      if (c != without) max = std::max(max, z[c]);
    }
    for (int64_t c = 0; c < classes; ++c) {
      if (c != without) log_sum += std::exp(z[c] - max);
    }
    log_sum = std::log(log_sum);
  }
  DEMIX_HOST_DEVICE Real log_probability(Real z) const { return (z - max) - log_sum; }
};

// What the kernels of engine/kernels.h do with a row.

DEMIX_HOST_DEVICE inline void log_softmax_row(const float* x, int64_t classes, float* y) {
  const Softmax<float> softmax(x, classes);
  for (int64_t c = 0; c < classes; ++c) y[c] = softmax.log_probability(x[c]);
}

DEMIX_HOST_DEVICE inline void log_softmax_backward_row(const float* dy, const float* y, int64_t classes, float* dx) {
  float sum = 0;
  for (int64_t c = 0; c < classes; ++c) sum += dy[c];
  for (int64_t c = 0; c < classes; ++c) dx[c] = dy[c] - std::exp(y[c]) * sum;
}

/// Returns the loss of the row, and writes its gradient divided by the number of rows.
DEMIX_HOST_DEVICE inline double softmax_cross_entropy_row(const float* z, const float* target, int64_t classes,
                                                          int64_t rows, float* dz) {
  const Softmax<float> softmax(z, classes);
  double loss = 0, weight = 0;
  for (int64_t c = 0; c < classes; ++c) {
    weight += target[c];
    if (target[c] != 0) loss -= target[c] * softmax.log_probability(z[c]);
  }
  for (int64_t c = 0; c < classes; ++c) {
    dz[c] =
        (static_cast<float>(weight) * std::exp(softmax.log_probability(z[c])) - target[c]) / static_cast<float>(rows);
  }
  return loss;
}

}  // namespace engine
