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

}  // namespace engine
