#include <algorithm>
#include <cmath>

#include "mixup/policies.h"

namespace mixup {

/// CutMix (Yun et al., 2019): a box with about 1 - lambda of the area is replaced by the same box of a random other
/// image; one box a batch. Its centre is uniform, so the border may clip it, and the share is recomputed from what
/// remains.
Policy cutmix(const PolicyOptions& options) {
  return [alpha = options.alpha](const data::Batch& batch, engine::Rng& rng) {
    const int64_t n = batch.count(), h = batch.images.shape()[1], w = batch.images.shape()[2];
    const double side = std::sqrt(1 - rng.beta(alpha, alpha));
    const auto cut_h = static_cast<int64_t>(static_cast<double>(h) * side);
    const auto cut_w = static_cast<int64_t>(static_cast<double>(w) * side);
    const int64_t cy = rng.below(h), cx = rng.below(w);
    const int64_t y0 = std::max<int64_t>(0, cy - cut_h / 2), y1 = std::min(h, cy + cut_h / 2);
    const int64_t x0 = std::max<int64_t>(0, cx - cut_w / 2), x1 = std::min(w, cx + cut_w / 2);

    Plan plan{rng.permutation(static_cast<int>(n)), engine::Tensor::full({n, h, w, 1}, 1)};
    for (int64_t i = 0; i < n; ++i) {
      for (int64_t y = y0; y < y1; ++y) std::fill_n(plan.mask.data() + (i * h + y) * w + x0, x1 - x0, 0.0f);
    }
    return plan;
  };
}

}  // namespace mixup
