#pragma once

#include "mixup/losses/ce.h"

namespace mixup {

/// How well class i is told from all classes but its competitor j (Liu et al., 2023):
///   D[i|j] = log sum over c != j of exp(z[c])  -  z[i]
/// Adds `weight` times its gradient, q - e[i], to dz, where q is the softmax without j: class j gets none.
template <class Real>
Real decoupled_term(const Real* z, int classes, int i, int j, Real weight, Real* dz) {
  const Softmax<Real> q(z, classes, j);
  for (int c = 0; c < classes; ++c) {
    if (c != j) dz[c] += weight * std::exp(q.log_probability(z[c]));
  }
  dz[i] -= weight;
  return -q.log_probability(z[i]);
}

/// The parts of the decoupled mixup loss of one row.
template <class Real>
struct DecoupledMixup {
  Real mce, decoupled_a, decoupled_b;
};

/// Decoupled mixup with cross entropy, DM(CE), of one row (Liu et al., 2023):  MCE + eta (D[a|b] + D[b|a]).  Writes its
/// gradient. Where one class alone is in the picture it is the plain cross entropy.
template <class Real>
DecoupledMixup<Real> decoupled_mixup(const Real* z, int classes, Pair pair, Real eta, Real* dz) {
  DecoupledMixup<Real> parts{mixup_cross_entropy(z, classes, pair, dz), 0, 0};
  if (!pair.mixed()) return parts;
  parts.decoupled_a = decoupled_term(z, classes, pair.a, pair.b, eta, dz);
  parts.decoupled_b = decoupled_term(z, classes, pair.b, pair.a, eta, dz);
  return parts;
}

}  // namespace mixup
