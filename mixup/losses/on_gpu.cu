#include "mixup/losses/on_gpu.h"

#include "engine/each.h"
#include "mixup/losses/ce.h"
#include "mixup/losses/dm.h"
#include "mixup/losses/dm_bce.h"

namespace mixup {

using engine::Tensor;

template <class Row>
void rows_on_gpu(const Row& row, const Tensor& logits, const Tensor& targets, Kind kind, Tensor& loss,
                 Tensor& dlogits) {
  const int64_t n = logits.shape()[0];
  const int classes = static_cast<int>(logits.shape()[1]);
  Tensor losses({n}, logits.device());
  const float *z = logits.data(), *target = targets.data();
  float *dz = dlogits.data(), *row_loss = losses.data(), *mean = loss.data();
  engine::cuda::each(n, [=] DEMIX_DEVICE(int64_t i) {
    const float *t = target + 4 * i, weight = t[3];
    const Pair pair{static_cast<int>(t[0]), static_cast<int>(t[1]), t[2], kind};
    float value = weight * row(z + i * classes, classes, pair, dz + i * classes).loss;
    for (int c = 0; c < classes; ++c) {
      dz[i * classes + c] *= weight;
      value += z[i * classes + c] - z[i * classes + c];  // 0, or NaN where the logit is not finite
    }
    row_loss[i] = value;
  });
  engine::cuda::each(1, [=] DEMIX_DEVICE(int64_t) {
    double sum = 0;
    for (int64_t i = 0; i < n; ++i) sum += row_loss[i];
    *mean = static_cast<float>(sum / static_cast<double>(n));
  });
}

template void rows_on_gpu(const MixupCrossEntropy&, const Tensor&, const Tensor&, Kind, Tensor&, Tensor&);
template void rows_on_gpu(const DecoupledMixup&, const Tensor&, const Tensor&, Kind, Tensor&, Tensor&);
template void rows_on_gpu(const MixupBinaryCrossEntropy&, const Tensor&, const Tensor&, Kind, Tensor&, Tensor&);
template void rows_on_gpu(const DecoupledBinaryCrossEntropy&, const Tensor&, const Tensor&, Kind, Tensor&, Tensor&);

}  // namespace mixup
