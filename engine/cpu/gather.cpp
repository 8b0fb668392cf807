#include "engine/cpu/gather.h"

#include <algorithm>

#include "engine/cpu/conv.h"

namespace engine::cpu {

const float* zeros(int64_t count) {
  thread_local std::vector<float> all;
  if (static_cast<int64_t>(all.size()) < count) all.assign(static_cast<size_t>(count), 0);
  return all.data();
}

Gather gather_inputs(const Tensor& x, const Shape& weight, const Conv2dSpec& spec, const Shape& y, int64_t begin,
                     int64_t end) {
  const Shape &in = x.shape(), &k = weight;
  const float* outside = zeros(in[3]);
  const int64_t pixels = end - begin;
  Gather gather;
  for (int64_t tap = 0; tap < k[1] * k[2]; ++tap) gather.taps.push_back(tap);
  gather.source.resize(static_cast<size_t>(k[1] * k[2] * pixels));
  Walk at(begin, y[1], y[2]);
  for (int64_t p = 0; p < pixels; ++p, at.next()) {
    gather.result.push_back(begin + p);
    const int64_t y0 = at.y * spec.stride - spec.pad, x0 = at.x * spec.stride - spec.pad;
    const int64_t corner = ((at.image * in[1] + y0) * in[2] + x0) * in[3];
    const float** to = gather.source.data() + p;
    for (int64_t ky = 0; ky < k[1]; ++ky) {
      const bool row_inside = y0 + ky >= 0 && y0 + ky < in[1];
      for (int64_t kx = 0; kx < k[2]; ++kx, to += pixels) {
        const bool inside = row_inside && x0 + kx >= 0 && x0 + kx < in[2];
        *to = inside ? x.data() + corner + (ky * in[2] + kx) * in[3] : outside;
      }
    }
  }
  return gather;
}

namespace {

/// first, first + step, ... below `end`, from the last to the first.
std::vector<int64_t> backwards(int64_t first, int64_t step, int64_t end) {
  std::vector<int64_t> list;
  for (int64_t i = first; i < end; i += step) list.push_back(i);
  std::reverse(list.begin(), list.end());
  return list;
}

}  // namespace

// Input pixel iy meets output pixel oy at the tap ky = iy + pad - s oy: pixels of equal (iy + pad) mod s, and of equal
// (ix + pad) mod s, have the same taps. The last tap meets the first slope: the taps go backwards, so that the slopes
// are read in the order of memory.
Gather gather_slopes(const Tensor& dy, const Shape& weight, const Conv2dSpec& spec, const Shape& x, int64_t begin,
                     int64_t end, int64_t phase) {
  const Shape &out = dy.shape(), &k = weight;
  const float* outside = zeros(out[3]);
  const int64_t s = spec.stride;
  Gather gather;
  std::vector<int64_t> rows;
  for (int64_t row = begin; row < end; ++row) {
    if ((row % x[1] + spec.pad) % s == phase / s) rows.push_back(row);
  }
  const int64_t first = ((phase % s - spec.pad) % s + s) % s;  // of the columns; the next ones are s apart
  for (int64_t row : rows) {
    for (int64_t ix = first; ix < x[2]; ix += s) gather.result.push_back(row * x[2] + ix);
  }
  const std::vector<int64_t> columns = backwards(phase % s, s, k[2]);
  for (int64_t ky : backwards(phase / s, s, k[1])) {
    for (int64_t kx : columns) {
      gather.taps.push_back(ky * k[2] + kx);
      const int64_t ox0 = (first + spec.pad - kx) / s;
      for (int64_t row : rows) {
        const int64_t image = row / x[1], oy = (row % x[1] + spec.pad - ky) / s;
        const bool row_inside = row % x[1] + spec.pad >= ky && oy < out[1];
        const float* slopes = dy.data() + (row_inside ? (image * out[1] + oy) * out[2] * out[3] : 0);
        for (int64_t ix = first, ox = ox0; ix < x[2]; ix += s, ++ox) {
          gather.source.push_back(row_inside && ox >= 0 && ox < out[2] ? slopes + ox * out[3] : outside);
        }
      }
    }
  }
  return gather;
}

}  // namespace engine::cpu
