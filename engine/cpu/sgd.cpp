#include "engine/kernels.h"
#include "engine/parallel.h"

namespace engine::cpu {

void sgd(const Tensor& grad, const SgdSpec& spec, Tensor& w, Tensor& velocity) {
  const float* g = grad.data();
  float *pw = w.data(), *pv = velocity.data();
  parallel_for(w.elements(), 1 << 15, [=](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const float slope = g[i] + spec.weight_decay * pw[i];
      pv[i] = spec.momentum * pv[i] + slope;
      pw[i] -= spec.lr * (spec.nesterov ? slope + spec.momentum * pv[i] : pv[i]);
    }
  });
}

}  // namespace engine::cpu
