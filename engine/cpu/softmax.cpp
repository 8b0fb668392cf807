#include "engine/softmax.h"

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
    for (int64_t i = begin; i < end; ++i) log_softmax_row(x.data() + i * c, c, y.data() + i * c);
  });
}

void log_softmax_backward(const Tensor& dy, const Tensor& y, Tensor& dx) {
  const int64_t c = y.shape()[1];
  parallel_for(y.shape()[0], rows_per_chunk, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      log_softmax_backward_row(dy.data() + i * c, y.data() + i * c, c, dx.data() + i * c);
    }
  });
}

void softmax_cross_entropy(const Tensor& logits, const Tensor& target, Tensor& loss, Tensor& dlogits) {
  const int64_t n = logits.shape()[0], c = logits.shape()[1];
  std::vector<double> row_loss(static_cast<size_t>(n));
  parallel_for(n, rows_per_chunk, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      row_loss[static_cast<size_t>(i)] =
          softmax_cross_entropy_row(logits.data() + i * c, target.data() + i * c, c, n, dlogits.data() + i * c);
    }
  });
  double total = 0;
  for (double value : row_loss) total += value;
  loss.data()[0] = static_cast<float>(total / static_cast<double>(n));
}

}  // namespace engine::cpu
