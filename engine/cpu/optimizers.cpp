#include <cmath>
#include <vector>

#include "engine/adam.h"
#include "engine/parallel.h"

namespace engine::cpu {
namespace {

constexpr int64_t grain = 1 << 15;

/// The sum of the squares in double, chunk by chunk, so that it is the same for any number of threads.
double sum_of_squares(const float* x, int64_t count) {
  std::vector<double> sums(static_cast<size_t>((count + grain - 1) / grain));
  parallel_for(count, grain, [&](int64_t begin, int64_t end) {
    double sum = 0;
    for (int64_t i = begin; i < end; ++i) sum += static_cast<double>(x[i]) * x[i];
    sums[static_cast<size_t>(begin / grain)] = sum;
  });
  double total = 0;
  for (double sum : sums) total += sum;
  return total;
}

}  // namespace

void squared_norm(const Tensor& x, int64_t at, Tensor& sums) {
  sums.data()[at] = static_cast<float>(sum_of_squares(x.data(), x.elements()));
}

void lerp(const Tensor& x, float weight, Tensor& y) {
  const float* px = x.data();
  float* py = y.data();
  parallel_for(y.elements(), grain, [=](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) py[i] += weight * (px[i] - py[i]);
  });
}

void sgd(const Tensor& grad, const SgdSpec& spec, Tensor& w, Tensor& velocity) {
  const float* g = grad.data();
  float *pw = w.data(), *pv = velocity.data();
  parallel_for(w.elements(), grain, [=](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const float slope = g[i] + spec.weight_decay * pw[i];
      pv[i] = spec.momentum * pv[i] + slope;
      pw[i] -= spec.lr * (spec.nesterov ? slope + spec.momentum * pv[i] : pv[i]);
    }
  });
}

void adamw(const Tensor& grad, const AdamSpec& spec, Tensor& w, Tensor& mean, Tensor& square) {
  const float* g = grad.data();
  float *pw = w.data(), *pm = mean.data(), *ps = square.data();
  const Adam adam(spec);
  parallel_for(w.elements(), grain, [=](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const float direction = adam(g[i], pm[i], ps[i]);
      pw[i] = (1 - spec.lr * spec.weight_decay) * pw[i] - spec.lr * direction;
    }
  });
}

void lamb(const Tensor& grad, const AdamSpec& spec, Tensor& w, Tensor& mean, Tensor& square) {
  Tensor update(w.shape());
  const float* g = grad.data();
  float *pw = w.data(), *pm = mean.data(), *ps = square.data(), *pu = update.data();
  const Adam adam(spec);
  parallel_for(w.elements(), grain, [=](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) pu[i] = adam(g[i], pm[i], ps[i]) + spec.weight_decay * pw[i];
  });
  const double size = std::sqrt(sum_of_squares(pw, w.elements())), length = std::sqrt(sum_of_squares(pu, w.elements()));
  const double trust = spec.weight_decay > 0 && size > 0 && length > 0 ? size / length : 1;
  const auto rate = static_cast<float>(spec.lr * trust);
  parallel_for(w.elements(), grain, [=](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) pw[i] -= rate * pu[i];
  });
}

}  // namespace engine::cpu
