#include "engine/softmax.h"

#include "engine/cuda/sum_rows.h"
#include "engine/kernels.h"

// A thread takes a row.
namespace engine::cuda {

void log_softmax(const Tensor& x, Tensor& y) {
  const int64_t c = x.shape()[1];
  const float* px = x.data();
  float* py = y.data();
  each(x.shape()[0], [=] DEMIX_DEVICE(int64_t i) { log_softmax_row(px + i * c, c, py + i * c); });
}

void log_softmax_backward(const Tensor& dy, const Tensor& y, Tensor& dx) {
  const int64_t c = y.shape()[1];
  const float *pdy = dy.data(), *py = y.data();
  float* pdx = dx.data();
  each(y.shape()[0],
       [=] DEMIX_DEVICE(int64_t i) { log_softmax_backward_row(pdy + i * c, py + i * c, c, pdx + i * c); });
}

void softmax_cross_entropy(const Tensor& logits, const Tensor& target, Tensor& loss, Tensor& dlogits) {
  const int64_t n = logits.shape()[0], c = logits.shape()[1];
  const float *z = logits.data(), *t = target.data();
  float *dz = dlogits.data(), *mean = loss.data();
  const Scratch<double> losses(n);
  double* row_loss = losses.data();
  each(n, [=] DEMIX_DEVICE(int64_t i) {
    row_loss[i] = softmax_cross_entropy_row(z + i * c, t + i * c, c, n, dz + i * c);
  });
  sum_rows(row_loss, n, 1,
           [=] DEMIX_DEVICE(int64_t, double sum) { *mean = static_cast<float>(sum / static_cast<double>(n)); });
}

}  // namespace engine::cuda
