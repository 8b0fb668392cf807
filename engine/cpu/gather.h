#pragma once

#include <vector>

#include "engine/kernels.h"

namespace engine::cpu {

/// Result pixels that are computed together, in whole tiles.
constexpr int64_t gather_pixels = 384;

/// Which pixels a group of result pixels is computed from: for every tap of the kernel that they have, and for every
/// one of them, where the channels of the pixel it meets there begin in memory; pixels beyond the image are zeros.
struct Gather {
  std::vector<int64_t> taps;         // ky kw + kx
  std::vector<const float*> source;  // (taps, pixels)
  std::vector<int64_t> result;       // (pixels): which pixel of all images it is

  int64_t pixels() const { return static_cast<int64_t>(result.size()); }
};

/// For the pixels [begin, end) of y = conv(x, weight).
Gather gather_inputs(const Tensor& x, const Shape& weight, const Conv2dSpec& spec, const Shape& y, int64_t begin,
                     int64_t end);

/// For the pixels of x that rows [begin, end) of its images hold: those of one phase among stride^2, which all have the
/// same taps, and the pixels of dy that they meet.
Gather gather_slopes(const Tensor& dy, const Shape& weight, const Conv2dSpec& spec, const Shape& x, int64_t begin,
                     int64_t end, int64_t phase);

/// Rows of x for one call of gather_slopes.
inline int64_t gather_rows(const Shape& x, int64_t stride) {
  const int64_t rows = gather_pixels * stride / x[2];
  return rows > stride ? rows : stride;
}

/// So many zeros, for what is beyond the image; until the thread asks for more of them.
const float* zeros(int64_t count);

}  // namespace engine::cpu
