#pragma once

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "engine/rng.h"
#include "engine/tensor.h"

/// Small helpers that the tests share.
namespace support {

using engine::Shape;
using engine::Tensor;

inline Tensor uniform(Shape shape, uint32_t seed, double low = -1, double high = 1) {
  engine::Rng rng(seed, engine::Purpose::test);
  Tensor t(shape);
  for (int64_t i = 0; i < t.elements(); ++i) t.data()[i] = static_cast<float>(rng.uniform(low, high));
  return t;
}

/// Values at least 0.1 away from zero, for functions with a corner there.
inline Tensor away_from_zero(Shape shape, uint32_t seed) {
  Tensor t = uniform(shape, seed);
  for (int64_t i = 0; i < t.elements(); ++i) t.data()[i] += t.data()[i] < 0 ? -0.1f : 0.1f;
  return t;
}

/// Values that all differ by at least 0.01, so that no maximum is near a tie.
inline Tensor distinct(Shape shape, uint32_t seed) {
  const std::vector<int> order =
      engine::Rng(seed, engine::Purpose::test).permutation(static_cast<int>(shape.elements()));
  Tensor t(shape);
  for (int64_t i = 0; i < t.elements(); ++i) t.data()[i] = 0.01f * static_cast<float>(order[static_cast<size_t>(i)]);
  return t;
}

/// The largest difference, relative to the largest magnitude of `expected` (and to 1e-30 where that is zero). A NaN, or
/// a length that differs, is infinitely far.
template <class Values, class Expected>
double relative_error(const Values& values, const Expected& expected) {
  if (std::size(values) != std::size(expected)) return std::numeric_limits<double>::infinity();
  double difference = 0, magnitude = 1e-30;
  for (size_t i = 0; i < std::size(values); ++i) {
    const double error = std::abs(static_cast<double>(values[i]) - static_cast<double>(expected[i]));
    if (!(error <= difference)) difference = std::isnan(error) ? std::numeric_limits<double>::infinity() : error;
    magnitude = std::max(magnitude, std::abs(static_cast<double>(expected[i])));
  }
  return difference / magnitude;
}

inline bool same_bits(const Tensor& a, const Tensor& b) {
  return a.shape() == b.shape() && a.dtype() == b.dtype() &&
         std::memcmp(a.address(), b.address(), static_cast<size_t>(a.bytes())) == 0;
}

}  // namespace support
