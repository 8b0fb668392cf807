#include "engine/softmax.h"

#include "engine/cuda/merge_rows.h"
#include "engine/kernels.h"

// A thread takes a row.
namespace engine::cuda {

void log_softmax(const Tensor& x, Tensor& y) {
  const int64_t c = x.shape()[1];
  const float* px = x.data();
  float* py = y.data();
  each(x.shape()[0], [=] DEMIX_DEVICE(int64_t i) {
    const float* in = px + i * c;
    const Softmax<float> softmax(in, c);
    for (int64_t k = 0; k < c; ++k) py[i * c + k] = softmax.log_probability(in[k]);
  });
}

void log_softmax_backward(const Tensor& dy, const Tensor& y, Tensor& dx) {
  const int64_t c = y.shape()[1];
  const float *pdy = dy.data(), *py = y.data();
  float* pdx = dx.data();
  each(y.shape()[0], [=] DEMIX_DEVICE(int64_t i) {
    const float *slope = pdy + i * c, *out = py + i * c;
    float sum = 0;
    for (int64_t k = 0; k < c; ++k) sum += slope[k];
    for (int64_t k = 0; k < c; ++k) pdx[i * c + k] = slope[k] - std::exp(out[k]) * sum;
  });
}

void softmax_cross_entropy(const Tensor& logits, const Tensor& target, Tensor& loss, Tensor& dlogits) {
  const int64_t n = logits.shape()[0], c = logits.shape()[1];
  const float *pz = logits.data(), *pt = target.data();
  float *pdz = dlogits.data(), *mean = loss.data();
  const Scratch<double> losses(n);
  double* row_loss = losses.data();
  each(n, [=] DEMIX_DEVICE(int64_t i) {
    const float *z = pz + i * c, *t = pt + i * c;
    const Softmax<float> softmax(z, c);
    double sum = 0, weight = 0;
    for (int64_t k = 0; k < c; ++k) {
      weight += t[k];
      if (t[k] != 0) sum -= t[k] * softmax.log_probability(z[k]);
    }
    for (int64_t k = 0; k < c; ++k) {
      pdz[i * c + k] =
          (static_cast<float>(weight) * std::exp(softmax.log_probability(z[k])) - t[k]) / static_cast<float>(n);
    }
    row_loss[i] = sum;
  });
  merge_rows(row_loss, n, 1, Add());
  each(1, [=] DEMIX_DEVICE(int64_t) { *mean = static_cast<float>(*row_loss / static_cast<double>(n)); });
}

}  // namespace engine::cuda
