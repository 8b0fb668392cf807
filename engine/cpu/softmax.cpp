#include "engine/softmax.h"

#include <cmath>
#include <vector>

#include "engine/kernels.h"
#include "engine/parallel.h"

namespace engine::cpu {
namespace {

constexpr int64_t rows_per_chunk = 16;

}  // namespace

void log_softmax(const Tensor& x, Tensor& y) {
  const int64_t c = x.shape()[1];
  parallel_for(x.shape()[0], rows_per_chunk, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const float* in = x.data() + i * c;
      float* out = y.data() + i * c;
      const Softmax<float> softmax(in, c);
      for (int64_t k = 0; k < c; ++k) out[k] = softmax.log_probability(in[k]);
    }
  });
}

void log_softmax_backward(const Tensor& dy, const Tensor& y, Tensor& dx) {
  const int64_t c = y.shape()[1];
  parallel_for(y.shape()[0], rows_per_chunk, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const float *slope = dy.data() + i * c, *out = y.data() + i * c;
      float sum = 0;
      for (int64_t k = 0; k < c; ++k) sum += slope[k];
      for (int64_t k = 0; k < c; ++k) dx.data()[i * c + k] = slope[k] - std::exp(out[k]) * sum;
    }
  });
}

void softmax_cross_entropy(const Tensor& logits, const Tensor& target, Tensor& loss, Tensor& dlogits) {
  const int64_t n = logits.shape()[0], c = logits.shape()[1];
  std::vector<double> row_loss(static_cast<size_t>(n));
  parallel_for(n, rows_per_chunk, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const float *z = logits.data() + i * c, *t = target.data() + i * c;
      float* dz = dlogits.data() + i * c;
      const Softmax<float> softmax(z, c);
      double sum = 0, weight = 0;
      for (int64_t k = 0; k < c; ++k) {
        weight += t[k];
        if (t[k] != 0) sum -= t[k] * softmax.log_probability(z[k]);
      }
      for (int64_t k = 0; k < c; ++k) {
        dz[k] = (static_cast<float>(weight) * std::exp(softmax.log_probability(z[k])) - t[k]) / static_cast<float>(n);
      }
      row_loss[static_cast<size_t>(i)] = sum;
    }
  });
  double total = 0;
  for (double value : row_loss) total += value;
  loss.data()[0] = static_cast<float>(total / static_cast<double>(n));
}

}  // namespace engine::cpu
