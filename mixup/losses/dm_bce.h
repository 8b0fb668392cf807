#pragma once

#include "mixup/losses/bce.h"

namespace mixup {

/// The target of a class with a share lambda of the picture (Liu et al., 2023):  (lambda / xi)^t, at most 1.  So from
/// xi on a class counts as wholly there. A share of 0 is no class, whatever t.
template <class Real>
DEMIX_HOST_DEVICE Real rescaled(Real lambda, Real t, Real xi) {
  if (lambda <= 0) return 0;
  return lambda >= xi ? 1 : std::pow(lambda / xi, t);
}

/// Decoupled mixup with binary cross entropy, DM(BCE) (Liu et al., 2023): MBCE with both shares rescaled. The paper's t
/// and xi are 1 and 0.8 for policies that cut, 0.5 and 1 for those that interpolate.
class DecoupledBinaryCrossEntropy {
 public:
  explicit DecoupledBinaryCrossEntropy(const LossOptions& options)
      : bce_(options), t_(options.dm_t), xi_(options.dm_xi) {
    ENSURE(!t_ || (*t_ >= 0 && std::isfinite(*t_)), "dm-t: ", *t_, " is not 0 or more");
    ENSURE(!xi_ || (*xi_ > 0 && *xi_ <= 1), "dm-xi: ", *xi_, " is not above 0 and at most 1");
  }

  template <class Real>
  DEMIX_HOST_DEVICE RowLoss<Real> operator()(const Real* z, int classes, const Pair& pair, Real* dz) const {
    const bool cuts = pair.kind == Kind::cutting;
    const auto t = static_cast<Real>(t_.value_or(cuts ? 1 : 0.5)), xi = static_cast<Real>(xi_.value_or(cuts ? 0.8 : 1));
    const RowTarget<Real> shares = shares_of<Real>(pair);
    return bce_(z, classes, pair, {rescaled(shares.a, t, xi), rescaled(shares.b, t, xi)}, dz);
  }

 private:
  SigmoidLoss bce_;
  std::optional<double> t_, xi_;
};

}  // namespace mixup
