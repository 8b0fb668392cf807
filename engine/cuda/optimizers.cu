#include <cmath>

#include "engine/adam.h"
#include "engine/cuda/merge_rows.h"

namespace engine::cuda {
namespace {

/// The sum of the squares of `count` numbers, in double: the first value of what it returns.
Scratch<double> sum_of_squares(const float* x, int64_t count) {
  constexpr int64_t part = 64;
  const int64_t parts = (count + part - 1) / part;
  Scratch<double> sums(parts);
  double* to = sums.data();
  each(parts, [=] DEMIX_DEVICE(int64_t i) {
    double sum = 0;
    for (int64_t k = i; k < count; k += parts) sum += static_cast<double>(x[k]) * x[k];  // neighbours read neighbours
    to[i] = sum;
  });
  merge_rows(to, parts, 1, Add());
  return sums;
}

}  // namespace

void squared_norm(const Tensor& x, int64_t at, Tensor& sums) {
  const Scratch<double> squares = sum_of_squares(x.data(), x.elements());
  const double* from = squares.data();
  float* to = sums.data() + at;
  each(1, [=] DEMIX_DEVICE(int64_t) { *to = static_cast<float>(*from); });
}

void lerp(const Tensor& x, float weight, Tensor& y) {
  const float* px = x.data();
  float* py = y.data();
  each(y.elements(), [=] DEMIX_DEVICE(int64_t i) { py[i] += weight * (px[i] - py[i]); });
}

void sgd(const Tensor& grad, const SgdSpec& spec, Tensor& w, Tensor& velocity) {
  const float* g = grad.data();
  float *pw = w.data(), *pv = velocity.data();
  each(w.elements(), [=] DEMIX_DEVICE(int64_t i) {
    const float slope = g[i] + spec.weight_decay * pw[i];
    pv[i] = spec.momentum * pv[i] + slope;
    pw[i] -= spec.lr * (spec.nesterov ? slope + spec.momentum * pv[i] : pv[i]);
  });
}

void adamw(const Tensor& grad, const AdamSpec& spec, Tensor& w, Tensor& mean, Tensor& square) {
  const float* g = grad.data();
  float *pw = w.data(), *pm = mean.data(), *ps = square.data();
  const Adam adam(spec);
  each(w.elements(), [=] DEMIX_DEVICE(int64_t i) {
    const float direction = adam(g[i], pm[i], ps[i]);
    pw[i] = (1 - adam.s.lr * adam.s.weight_decay) * pw[i] - adam.s.lr * direction;
  });
}

void lamb(const Tensor& grad, const AdamSpec& spec, Tensor& w, Tensor& mean, Tensor& square) {
  const Scratch<float> update(w.elements());
  const float* g = grad.data();
  float *pw = w.data(), *pm = mean.data(), *ps = square.data(), *pu = update.data();
  const Adam adam(spec);
  each(w.elements(), [=] DEMIX_DEVICE(int64_t i) { pu[i] = adam(g[i], pm[i], ps[i]) + adam.s.weight_decay * pw[i]; });
  const Scratch<double> sizes = sum_of_squares(pw, w.elements()), lengths = sum_of_squares(pu, w.elements());
  const double *size = sizes.data(), *length = lengths.data();
  each(w.elements(), [=] DEMIX_DEVICE(int64_t i) {
    const bool trusts = adam.s.weight_decay > 0 && *size > 0 && *length > 0;
    const double trust = trusts ? std::sqrt(*size) / std::sqrt(*length) : 1;
    pw[i] -= static_cast<float>(adam.s.lr * trust) * pu[i];
  });
}

}  // namespace engine::cuda
