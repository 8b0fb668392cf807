#include "engine/cuda/linear_bias.h"

#include "engine/each.h"
#include "engine/kernels.h"

namespace engine::cuda {

void fill_rows(const Tensor& row, Tensor& y) {
  const int64_t c = row.elements();
  const float* from = row.data();
  float* to = y.data();
  each(y.elements(), [=] DEMIX_DEVICE(int64_t i) { to[i] = from[i % c]; });
}

void linear_backward_bias(const Tensor& dy, Tensor& dbias) {
  const int64_t n = dy.shape()[0], oc = dy.shape()[1];
  const float* pdy = dy.data();
  float* pdbias = dbias.data();
  each(oc, [=] DEMIX_DEVICE(int64_t k) {
    float sum = 0;
    for (int64_t i = 0; i < n; ++i) sum += pdy[i * oc + k];
    pdbias[k] = sum;
  });
}

}  // namespace engine::cuda
