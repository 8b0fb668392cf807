#include "mixup/losses/dm.h"

namespace mixup {
namespace {

template <class Real>
Real total(const DecoupledMixup<Real>& parts, Real eta) {
  return parts.mce + eta * (parts.decoupled_a + parts.decoupled_b);
}

}  // namespace

Loss dm(const LossOptions& options) {
  ENSURE(options.dm_eta >= 0, "dm-eta: ", options.dm_eta, " is negative");
  return [eta = static_cast<float>(options.dm_eta)](const engine::Variable& logits, const Targets& targets) {
    return mean_over_rows("dm", logits, targets, [eta](const float* z, int classes, Pair pair, float* dz) {
      return total(decoupled_mixup(z, classes, pair, eta, dz), eta);
    });
  };
}

Explanation explain_dm(const double* z, int classes, Pair pair, const LossOptions& options, double* dz) {
  const auto parts = decoupled_mixup(z, classes, pair, options.dm_eta, dz);
  return {total(parts, options.dm_eta),
          {{"mce", parts.mce}, {"decoupled_a", parts.decoupled_a}, {"decoupled_b", parts.decoupled_b}}};
}

}  // namespace mixup
