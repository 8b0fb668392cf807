#pragma once

#include <algorithm>
#include <cmath>

#include "mixup/losses/row.h"

namespace mixup {

/// Binary cross entropy of s = 1 / (1 + exp(-z)) with a target from 0 to 1, summed over the classes:
///   - sum over c of  target[c] log s[c] + (1 - target[c]) log(1 - s[c])
/// Writes its gradient  dz = s - target.  Class a's target must hold what class b's adds where they are the same class.
template <class Real>
DEMIX_HOST_DEVICE Real binary_cross_entropy(const Real* z, int classes, const Pair& pair, const RowTarget<Real>& target,
                                            Real* dz) {
  Real loss = 0;
  for (int c = 0; c < classes; ++c) {
    const Real t = target.other + (c == pair.a ? target.a : 0) + (c == pair.b ? target.b : 0);
    // With e = exp(-|z|), which cannot overflow: log s = -log(1 + e) for z > 0, and z less of that below.
    const Real e = std::exp(-std::abs(z[c]));
    loss += (z[c] > 0 ? (1 - t) * z[c] : -t * z[c]) + std::log1p(e);
    dz[c] = (z[c] > 0 ? 1 : e) / (1 + e) - t;
  }
  return loss;
}

/// What the losses on sigmoids share once they have a target: it is smoothed, and the classes are summed or averaged.
class SigmoidLoss {
 public:
  explicit SigmoidLoss(const LossOptions& options)
      : smoothing_(checked_smoothing(options)), mean_(options.bce_reduction == Reduction::mean) {}

  /// A target above 1, from two shares of the same class, counts as 1.
  template <class Real>
  DEMIX_HOST_DEVICE RowLoss<Real> operator()(const Real* z, int classes, const Pair& pair, RowTarget<Real> target,
                                             Real* dz) const {
    if (pair.a == pair.b) target = {std::min<Real>(1, target.a + target.b), 0};
    Real loss = binary_cross_entropy(z, classes, pair, smoothed(target, smoothing_, classes), dz);
    if (mean_) {
      loss /= static_cast<Real>(classes);
      for (int c = 0; c < classes; ++c) dz[c] /= static_cast<Real>(classes);
    }
    return {loss, {{{"mbce", loss}, {"target_a", target.a}, {"target_b", target.b}}}};
  }

 private:
  double smoothing_;
  bool mean_;
};

/// Mixup binary cross entropy, MBCE: the target is the shares ("one", which sums to 1), or 1 for each class that is in
/// the picture ("two").
class MixupBinaryCrossEntropy {
 public:
  explicit MixupBinaryCrossEntropy(const LossOptions& options)
      : bce_(options), two_(options.bce_target == BceTarget::two) {}

  template <class Real>
  DEMIX_HOST_DEVICE RowLoss<Real> operator()(const Real* z, int classes, const Pair& pair, Real* dz) const {
    RowTarget<Real> target = shares_of<Real>(pair);
    if (two_) target = {target.a > 0 ? Real(1) : 0, target.b > 0 ? Real(1) : 0};
    return bce_(z, classes, pair, target, dz);
  }

 private:
  SigmoidLoss bce_;
  bool two_;
};

}  // namespace mixup
