#include "mixup/losses/ce.h"

namespace mixup {

Loss ce(const LossOptions&) {
  return [](const engine::Variable& logits, const Targets& targets) {
    return mean_over_rows("ce", logits, targets, mixup_cross_entropy<float>);
  };
}

Explanation explain_ce(const double* z, int classes, Pair pair, const LossOptions&, double* dz) {
  const double mce = mixup_cross_entropy(z, classes, pair, dz);
  return {mce, {{"mce", mce}}};
}

}  // namespace mixup
