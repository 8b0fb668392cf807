#pragma once

#include "mixup/losses/ce.h"

namespace mixup {

/// How well class i is told from all classes but its competitor j (Liu et al., 2023):
///   D[i|j] = log sum over c != j of exp(z[c])  -  z[i]
/// Adds `weight` times its gradient, q - e[i], to dz, where q is the softmax without j: class j gets none.
template <class Real>
DEMIX_HOST_DEVICE Real decoupled_term(const Real* z, int classes, int i, int j, Real weight, Real* dz) {
  const engine::Softmax<Real> q(z, classes, j);
  for (int c = 0; c < classes; ++c) {
    if (c != j) dz[c] += weight * std::exp(q.log_probability(z[c]));
  }
  dz[i] -= weight;
  return -q.log_probability(z[i]);
}

/// Decoupled mixup with cross entropy, DM(CE) (Liu et al., 2023):  MCE + eta (w[a] D[a|b] + w[b] D[b|a]).  The paper's
/// weights w are 1; its published code takes powers of the shares, or one side alone. Labels are smoothed in MCE alone.
/// Where one class alone is in the picture it is the plain cross entropy.
class DecoupledMixup {
 public:
  explicit DecoupledMixup(const LossOptions& o)
      : mce_(o), eta_(o.dm_eta), power_(o.dm_weight_power), min_share_(o.dm_min_share), sides_(o.dm_sides) {
    ENSURE(eta_ >= 0 && std::isfinite(eta_), "dm-eta: ", eta_, " is not 0 or more");
    ENSURE(power_ >= 0 && std::isfinite(power_), "dm-weight-power: ", power_, " is not 0 or more");
    ENSURE(min_share_ >= 0 && min_share_ < 0.5, "dm-min-share: ", min_share_, " is not from 0 to below 0.5");
  }

  template <class Real>
  DEMIX_HOST_DEVICE RowLoss<Real> operator()(const Real* z, int classes, const Pair& pair, Real* dz) const {
    const Real mce = mce_(z, classes, pair, dz).loss;
    Real decoupled_a = 0, decoupled_b = 0, loss = mce;
    const double a = pair.lambda, b = 1 - pair.lambda;
    if (pair.a != pair.b && std::min(a, b) > min_share_) {
      const auto add = [&](double share, double other, int i, int j, Real& term) {
        if ((sides_ == Sides::minor && share > other) || (sides_ == Sides::major && share < other)) return;
        const auto weight = static_cast<Real>(eta_ * std::pow(share, power_));
        term = decoupled_term(z, classes, i, j, weight, dz);
        loss += weight * term;
      };
      add(a, b, pair.a, pair.b, decoupled_a);
      if (sides_ != Sides::labeled) add(b, a, pair.b, pair.a, decoupled_b);
    }
    return {loss, {{{"mce", mce}, {"decoupled_a", decoupled_a}, {"decoupled_b", decoupled_b}}}};
  }

 private:
  MixupCrossEntropy mce_;
  double eta_, power_, min_share_;
  Sides sides_;
};

}  // namespace mixup
