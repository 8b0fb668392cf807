#include "mixup/policies.h"

namespace mixup {

/// Mixup (Zhang et al., 2018): every image becomes lambda of itself plus 1 - lambda of a random other one; one lambda a
/// batch.
Policy mixup(const PolicyOptions& options) {
  return [alpha = options.alpha](const data::Batch& batch, engine::Rng& rng) {
    const double lambda = rng.beta(alpha, alpha);
    const auto n = static_cast<int>(batch.count());
    return Plan{rng.permutation(n), engine::Tensor::full({n, 1, 1, 1}, static_cast<float>(lambda))};
  };
}

}  // namespace mixup
