#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include "engine/kernels.h"
#include "engine/parallel.h"
#include "mixup/losses.h"

// What the losses share. A loss is a function of one row of logits, templated on the scalar: float in training, double
// where its gradient is checked or taught.
namespace mixup {

/// The softmax of a row, shifted by its maximum so that nothing overflows: for class c it is exp(z[c] - max - log_sum).
/// One class may be left out of it.
template <class Real>
struct Softmax {
  Real max, log_sum;

  Softmax(const Real* z, int classes, int without = -1) : max(-INFINITY), log_sum(0) {
    for (int c = 0; c < classes; ++c) {
      if (c != without) max = std::max(max, z[c]);
    }
    for (int c = 0; c < classes; ++c) {
      if (c != without) log_sum += std::exp(z[c] - max);
    }
    log_sum = std::log(log_sum);
  }
  Real log_probability(Real z) const { return (z - max) - log_sum; }
};

/// The loss op of a row function `Real row(const Real* z, int classes, Pair, Real* dz)`, which returns the loss of a
/// row and writes its gradient: the mean over the rows.
template <class Row>
engine::Variable mean_over_rows(const char* name, const engine::Variable& logits, const Targets& targets, Row row) {
  const engine::Shape& shape = logits.shape();
  ENSURE(shape.rank() == 2 && shape[0] == targets.count() && shape[0] > 0, name, ": logits ", shape, " for ",
         targets.count(), " targets");
  const int64_t n = shape[0];
  const int classes = static_cast<int>(shape[1]);
  for (size_t i = 0; i < targets.a.size(); ++i) {
    ENSURE(std::min(targets.a[i], targets.b[i]) >= 0 && std::max(targets.a[i], targets.b[i]) < classes, name,
           ": classes ", targets.a[i], " and ", targets.b[i], " of row ", i, " are not among ", classes);
  }

  std::vector<double> losses(static_cast<size_t>(n));
  engine::Tensor dlogits(shape, logits.value().device());
  engine::parallel_for(n, 16, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const auto k = static_cast<size_t>(i);
      losses[k] = row(logits.value().data() + i * classes, classes, Pair{targets.a[k], targets.b[k], targets.lambda[k]},
                      dlogits.data() + i * classes);
    }
  });
  double sum = 0;
  for (double loss : losses) sum += loss;
  const auto mean = static_cast<float>(sum / static_cast<double>(n));
  return engine::record(
      name, engine::Tensor::full({1}, mean), {logits}, [dlogits, n](const engine::Tensor& dy, engine::Gradients& dx) {
        dx.add(0, dlogits.shape(),
               [&](engine::Tensor& g) { engine::kernel::scale(dlogits, dy.item() / static_cast<float>(n), g); });
      });
}

}  // namespace mixup
