#pragma once

#include <array>

#include "engine/host_device.h"
#include "mixup/losses.h"

// What the losses are made of. A loss is a class with one template
//   DEMIX_HOST_DEVICE RowLoss<Real> operator()(const Real* z, int classes, const Pair& pair, Real* dz) const
// which returns the loss of one row of logits and writes its gradient to dz: Real is float in training, and double
// where the gradient is checked or taught. On a GPU every row is a thread's.
namespace mixup {

/// The loss of a row, and the terms it consists of by name.
template <class Real>
struct RowLoss {
  struct Term {
    const char* name;
    Real value;
  };
  Real loss;
  std::array<Term, 3> terms{};  // a name of null: no more
};

/// What a row should be: `other` for every class, and on top of that `a` for class a and `b` for class b. Where they
/// are the same class both add up.
template <class Real>
struct RowTarget {
  Real a, b, other = 0;
};

inline double checked_smoothing(const LossOptions& options) {
  ENSURE(options.smoothing >= 0 && options.smoothing < 1, "smoothing: ", options.smoothing,
         " is not from 0 to below 1");
  return options.smoothing;
}

/// Target t becomes (1 - smoothing) t + smoothing / classes, timm's label smoothing.
template <class Real>
DEMIX_HOST_DEVICE RowTarget<Real> smoothed(RowTarget<Real> target, double smoothing, int classes) {
  const auto kept = static_cast<Real>(1 - smoothing);
  return {kept * target.a, kept * target.b, kept * target.other + static_cast<Real>(smoothing / classes)};
}

/// The shares of both classes.
template <class Real>
DEMIX_HOST_DEVICE RowTarget<Real> shares_of(const Pair& pair) {
  const auto share = static_cast<Real>(pair.lambda);
  return {share, 1 - share};
}

}  // namespace mixup
