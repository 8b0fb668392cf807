#include "mixup/losses.h"

#include <algorithm>
#include <cmath>

#include "engine/kernels.h"
#include "engine/names.h"
#include "engine/parallel.h"
#include "mixup/losses/ce.h"
#include "mixup/losses/dm.h"
#include "mixup/losses/dm_bce.h"
#include "mixup/losses/on_gpu.h"

namespace mixup {
namespace {

using engine::Gradients;
using engine::Tensor;
using engine::Variable;

void check(const char* name, const engine::Shape& logits, const Targets& targets) {
  ENSURE(logits.rank() == 2 && logits[0] == targets.count() && logits[0] > 0, name, ": logits ", logits, " for ",
         targets.count(), " targets");
  ENSURE(targets.b.size() == targets.a.size() && targets.lambda.size() == targets.a.size() &&
             (targets.weight.empty() || targets.weight.size() == targets.a.size()),
         name, ": classes, shares and weights of different lengths");
  const int64_t classes = logits[1];
  for (size_t i = 0; i < targets.a.size(); ++i) {
    const auto [low, high] = std::minmax(targets.a[i], targets.b[i]);
    ENSURE(low >= 0 && high < classes, name, ": classes ", targets.a[i], " and ", targets.b[i], " of row ", i,
           " are not among ", classes);
    ENSURE(targets.lambda[i] >= 0 && targets.lambda[i] <= 1, name, ": share ", targets.lambda[i], " of row ", i,
           " is not from 0 to 1");
  }
  for (float weight : targets.weight) ENSURE(weight >= 0 && std::isfinite(weight), name, ": a weight is ", weight);
}

/// All rows are checked before any is used, so that the first bad one is named.
void check_finite(const char* name, const Tensor& logits) {
  const int64_t classes = logits.shape()[1];
  const float *begin = logits.data(), *end = begin + logits.elements();
  const float* bad = std::find_if(begin, end, [](float z) { return !std::isfinite(z); });
  ENSURE(bad == end, name, ": logit ", (bad - begin) % classes, " of row ", (bad - begin) / classes, " is ", *bad,
         "; try a lower learning rate");
}

/// The mean over the rows, and the gradient of each row.
template <class Row>
Tensor rows_on_cpu(const char* name, const Row& row, const Tensor& logits, const Targets& targets, Tensor& dlogits) {
  check_finite(name, logits);
  const int64_t n = logits.shape()[0];
  const int classes = static_cast<int>(logits.shape()[1]);
  std::vector<double> losses(static_cast<size_t>(n));
  engine::parallel_for(n, 16, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const auto k = static_cast<size_t>(i);
      float* dz = dlogits.data() + i * classes;
      const Pair pair{targets.a[k], targets.b[k], targets.lambda[k], targets.kind};
      losses[k] = row(logits.data() + i * classes, classes, pair, dz).loss;
      if (targets.weight.empty()) continue;
      losses[k] *= targets.weight[k];
      for (int c = 0; c < classes; ++c) dz[c] *= targets.weight[k];
    }
  });
  double sum = 0;
  for (double loss : losses) sum += loss;
  return Tensor::full({1}, static_cast<float>(sum / static_cast<double>(n)));
}

#ifdef DEMIX_CUDA
/// The same on the GPU, but for the check of the logits, which would wait for them.
template <class Row>
Tensor rows_on_gpu(const Row& row, const Tensor& logits, const Targets& targets, Tensor& dlogits) {
  Tensor loss({1}, logits.device());
  const Tensor rows = targets.rows.defined() ? targets.rows : packed(targets).to(logits.device());
  rows_on_gpu(row, logits, rows, targets.kind, loss, dlogits);
  return loss;
}
#endif

/// The op: the mean over the rows.
template <class Row>
Variable mean_over_rows(const char* name, const Row& row, const Variable& logits, const Targets& targets) {
  const Tensor& z = logits.value();
  check(name, z.shape(), targets);
  Tensor dlogits(z.shape(), z.device()), loss;
#ifdef DEMIX_CUDA
  if (z.device() == engine::Device::cuda) loss = rows_on_gpu(row, z, targets, dlogits);
#endif
  if (!loss.defined()) loss = rows_on_cpu(name, row, z, targets, dlogits);
  return engine::record(name, loss, {logits}, [dlogits](const Tensor& dy, Gradients& dx) {
    const auto n = static_cast<float>(dlogits.shape()[0]);
    dx.add(0, dlogits.shape(), [&](Tensor& g) { engine::kernel::scale_by(dlogits, dy, n, g); });
  });
}

template <class Row>
LossEntry entry(const char* name) {
  return {name,
          [name](const LossOptions& options) -> Loss {
            return [name, row = Row(options)](const Variable& logits, const Targets& targets) {
              return mean_over_rows(name, row, logits, targets);
            };
          },
          [](const double* z, int classes, const Pair& pair, const LossOptions& options, double* dz) {
            const RowLoss<double> value = Row(options)(z, classes, pair, dz);
            Explanation explanation{value.loss, {}};
            for (const auto& term : value.terms) {
              if (term.name) explanation.terms.emplace_back(term.name, term.value);
            }
            return explanation;
          }};
}

}  // namespace

const std::vector<LossEntry>& losses() {
  static const std::vector<LossEntry> table{entry<MixupCrossEntropy>("ce"), entry<DecoupledMixup>("dm"),
                                            entry<MixupBinaryCrossEntropy>("bce"),
                                            entry<DecoupledBinaryCrossEntropy>("dm-bce")};
  return table;
}

Loss make_loss(const std::string& name, const LossOptions& options) {
  return engine::find_named(losses(), "loss", name).make(options);
}

}  // namespace mixup
