#pragma once

#include "mixup/losses/row.h"

namespace mixup {

/// Mixup cross entropy of one row (Zhang et al., 2018):  -lambda log p[a] - (1 - lambda) log p[b]  with p = softmax(z).
/// Writes its gradient  dz = p - lambda e[a] - (1 - lambda) e[b].
template <class Real>
Real mixup_cross_entropy(const Real* z, int classes, Pair pair, Real* dz) {
  const Softmax<Real> p(z, classes);
  for (int c = 0; c < classes; ++c) dz[c] = std::exp(p.log_probability(z[c]));
  const Real share = static_cast<Real>(pair.lambda);
  dz[pair.a] -= share;
  dz[pair.b] -= 1 - share;
  Real loss = 0;  // a share of 0 counts nothing, even where its log p is huge
  if (share > 0) loss -= share * p.log_probability(z[pair.a]);
  if (share < 1) loss -= (1 - share) * p.log_probability(z[pair.b]);
  return loss;
}

}  // namespace mixup
