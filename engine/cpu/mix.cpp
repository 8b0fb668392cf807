#include "engine/kernels.h"
#include "engine/parallel.h"

namespace engine::cpu {

void mix(const Tensor& x, const std::vector<int>& partner, const Tensor& mask, Tensor& y) {
  const Shape& shape = x.shape();
  const int64_t pixels = shape[1] * shape[2], c = shape[3];
  const bool by_pixel = mask.elements() != shape[0];
  parallel_for(shape[0], 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const float *own = x.data() + i * pixels * c, *other = x.data() + partner[static_cast<size_t>(i)] * pixels * c;
      float* out = y.data() + i * pixels * c;
      for (int64_t p = 0; p < pixels; ++p) {
        const float share = mask.data()[by_pixel ? i * pixels + p : i];
        for (int64_t k = p * c; k < (p + 1) * c; ++k) out[k] = share * own[k] + (1 - share) * other[k];
      }
    }
  });
}

}  // namespace engine::cpu
