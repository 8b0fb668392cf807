#include "engine/kernels.h"
#include "engine/parallel.h"

namespace engine::cpu {
namespace {

/// Calls body(share, begin, end) for every run of floats of image i under one value of the mask.
template <class Body>
void for_each_share(const Tensor& mask, const Shape& images, int64_t i, Body body) {
  const bool by_pixel = mask.elements() != images[0];
  const int64_t runs = by_pixel ? images[1] * images[2] : 1, floats = images.elements() / images[0] / runs;
  for (int64_t run = 0; run < runs; ++run) body(mask.data()[i * runs + run], run * floats, (run + 1) * floats);
}

}  // namespace

void mix(const Tensor& x, const Tensor& source, const std::vector<int>& partner, const Tensor& mask, Tensor& y) {
  const int64_t n = x.shape()[0], floats = x.elements() / n;
  parallel_for(n, 1, [&](int64_t first, int64_t last) {
    for (int64_t i = first; i < last; ++i) {
      const float *own = x.data() + i * floats, *other = source.data() + partner[static_cast<size_t>(i)] * floats;
      float* out = y.data() + i * floats;
      for_each_share(mask, x.shape(), i, [&](float share, int64_t begin, int64_t end) {
        for (int64_t k = begin; k < end; ++k) out[k] = share * own[k] + (1 - share) * other[k];
      });
    }
  });
}

void mix_backward(const Tensor& dy, const std::vector<int>& partner, const Tensor& mask, Tensor& dx) {
  const int64_t n = dy.shape()[0], floats = dy.elements() / n;
  std::vector<std::vector<int64_t>> takers(static_cast<size_t>(n));  // of each image, in order
  for (size_t j = 0; j < partner.size(); ++j) {
    takers[static_cast<size_t>(partner[j])].push_back(static_cast<int64_t>(j));
  }
  parallel_for(n, 1, [&](int64_t first, int64_t last) {
    for (int64_t i = first; i < last; ++i) {
      const float* own = dy.data() + i * floats;
      float* out = dx.data() + i * floats;
      for_each_share(mask, dy.shape(), i, [&](float share, int64_t begin, int64_t end) {
        for (int64_t k = begin; k < end; ++k) out[k] = share * own[k];
      });
      for (int64_t j : takers[static_cast<size_t>(i)]) {
        const float* taken = dy.data() + j * floats;
        for_each_share(mask, dy.shape(), j, [&](float share, int64_t begin, int64_t end) {
          for (int64_t k = begin; k < end; ++k) out[k] += (1 - share) * taken[k];
        });
      }
    }
  });
}

}  // namespace engine::cpu
