#include "engine/cuda/runtime.h"
#include "engine/each.h"
#include "engine/kernels.h"

namespace engine::cuda {

void fill(float* to, int64_t count, float value) {
  each(count, [=] DEMIX_DEVICE(int64_t i) { to[i] = value; });
}

void add(const Tensor& a, const Tensor& b, Tensor& y) {
  const float *pa = a.data(), *pb = b.data();
  float* py = y.data();
  each(y.elements(), [=] DEMIX_DEVICE(int64_t i) { py[i] = pa[i] + pb[i]; });
}

void relu(const Tensor& x, Tensor& y) {
  const float* px = x.data();
  float* py = y.data();
  each(y.elements(), [=] DEMIX_DEVICE(int64_t i) { py[i] = px[i] < 0 ? 0 : px[i]; });
}

void relu_backward(const Tensor& dy, const Tensor& y, Tensor& dx) {
  const float *pdy = dy.data(), *py = y.data();
  float* pdx = dx.data();
  each(dx.elements(), [=] DEMIX_DEVICE(int64_t i) { pdx[i] = py[i] > 0 ? pdy[i] : 0; });
}

void scale(const Tensor& x, float factor, Tensor& y) {
  const float* px = x.data();
  float* py = y.data();
  each(y.elements(), [=] DEMIX_DEVICE(int64_t i) { py[i] = factor * px[i]; });
}

void scale_by(const Tensor& x, const Tensor& by, float divisor, Tensor& y) {
  const float *px = x.data(), *factor = by.data();
  float* py = y.data();
  each(y.elements(), [=] DEMIX_DEVICE(int64_t i) { py[i] = factor[0] / divisor * px[i]; });
}

}  // namespace engine::cuda
