#pragma once

#include "engine/softmax.h"
#include "mixup/losses/row.h"

namespace mixup {

/// Cross entropy of softmax(z) = p with a target that sums to 1:  - sum over c of target[c] log p[c].  Writes its
/// gradient  dz = p - target.
template <class Real>
DEMIX_HOST_DEVICE Real cross_entropy(const Real* z, int classes, const Pair& pair, const RowTarget<Real>& target,
                                     Real* dz) {
  const engine::Softmax<Real> p(z, classes);
  Real loss = 0;
  for (int c = 0; c < classes; ++c) {
    const Real log_p = p.log_probability(z[c]);
    dz[c] = std::exp(log_p) - target.other;
    if (target.other > 0) loss -= target.other * log_p;
  }
  dz[pair.a] -= target.a;
  dz[pair.b] -= target.b;
  // A share of 0 counts nothing, even where its log p is huge.
  if (target.a > 0) loss -= target.a * p.log_probability(z[pair.a]);
  if (target.b > 0) loss -= target.b * p.log_probability(z[pair.b]);
  return loss;
}

/// Mixup cross entropy, MCE (Zhang et al., 2018):  -lambda log p[a] - (1 - lambda) log p[b],  with smoothed labels if
/// asked.
class MixupCrossEntropy {
 public:
  explicit MixupCrossEntropy(const LossOptions& options) : smoothing_(checked_smoothing(options)) {}

  template <class Real>
  DEMIX_HOST_DEVICE RowLoss<Real> operator()(const Real* z, int classes, const Pair& pair, Real* dz) const {
    const Real mce = cross_entropy(z, classes, pair, smoothed(shares_of<Real>(pair), smoothing_, classes), dz);
    return {mce, {{{"mce", mce}}}};
  }

 private:
  double smoothing_;
};

}  // namespace mixup
