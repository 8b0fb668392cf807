#include "engine/optimizers.h"

#include <numeric>
#include <vector>

#include "engine/parallel.h"

namespace engine::cpu {
namespace {

constexpr int64_t grain = 1 << 15;

/// The sum of the squares in double, chunk by chunk, so that it is the same for any number of threads; of a chunk in
/// 16 sums side by side, which need not wait for each other.
double sum_of_squares(const float* x, int64_t count) {
  std::vector<double> sums(static_cast<size_t>((count + grain - 1) / grain));
  parallel_for(count, grain, [&](int64_t begin, int64_t end) {
    constexpr int64_t together = 16;
    double parts[together] = {};
    int64_t i = begin;
    for (; i + together <= end; i += together) {
      for (int64_t k = 0; k < together; ++k) parts[k] += static_cast<double>(x[i + k]) * x[i + k];
    }
    for (; i < end; ++i) parts[0] += static_cast<double>(x[i]) * x[i];
    sums[static_cast<size_t>(begin / grain)] = std::accumulate(parts, parts + together, 0.0);
  });
  double total = 0;
  for (double sum : sums) total += sum;
  return total;
}

}  // namespace

void norm(const Tensors& x, Tensor& y) {
  double total = 0;
  for (const Tensor& tensor : x) total += sum_of_squares(tensor.data(), tensor.elements());
  *y.data() = static_cast<float>(std::sqrt(total));
}

void admit(const Tensor& norm, const Tensor& loss, float most, Tensor& gate) {
  engine::admit(*norm.data(), *loss.data(), most, gate.data());
}

void settle(const Tensor& gate, Tensors& values, Tensors& kept) {
  const bool good = *gate.data() != 0;
  for (size_t k = 0; k < values.size(); ++k) {
    if (good) kept[k].copy_from(values[k]);
    else values[k].copy_from(kept[k]);
  }
}

void lerp(const Tensors& x, float weight, const Tensor& gate, Tensors& y) {
  if (*gate.data() == 0) return;
  for (size_t k = 0; k < y.size(); ++k) {
    const float* px = x[k].data();
    float* py = y[k].data();
    parallel_for(y[k].elements(), grain, [=](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) py[i] += weight * (px[i] - py[i]);
    });
  }
}

void sgd(const Tensors& grad, const SgdSpec& spec, const Tensor& rate, const Tensor& gate, Tensors& w,
         Tensors& velocity) {
  const float lr = *rate.data(), factor = *gate.data();
  if (factor == 0) return;
  for (size_t k = 0; k < w.size(); ++k) {
    const float* g = grad[k].data();
    float *pw = w[k].data(), *pv = velocity[k].data();
    parallel_for(w[k].elements(), grain, [=](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const float slope = spec.weight_decay * pw[i] + factor * g[i];
        pv[i] = spec.momentum * pv[i] + slope;
        pw[i] -= lr * (spec.nesterov ? slope + spec.momentum * pv[i] : pv[i]);
      }
    });
  }
}

void adamw(const Tensors& grad, const AdamSpec& spec, const Tensor& rate, const Tensor& gate, Tensors& w, Tensors& mean,
           Tensors& square) {
  const Adam adam{spec.beta1, spec.beta2, spec.eps};
  const float *now = rate.data(), lr = now[0], factor = *gate.data();
  if (factor == 0) return;
  for (size_t k = 0; k < w.size(); ++k) {
    const float* g = grad[k].data();
    float *pw = w[k].data(), *pm = mean[k].data(), *ps = square[k].data();
    parallel_for(w[k].elements(), grain, [=](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const float direction = adam(factor * g[i], now, pm[i], ps[i]);
        pw[i] = (1 - lr * spec.weight_decay) * pw[i] - lr * direction;
      }
    });
  }
}

void lamb(const Tensors& grad, const AdamSpec& spec, const Tensor& rate, const Tensor& gate, Tensors& w, Tensors& mean,
          Tensors& square) {
  const Adam adam{spec.beta1, spec.beta2, spec.eps};
  const float *now = rate.data(), factor = *gate.data();
  if (factor == 0) return;
  for (size_t k = 0; k < w.size(); ++k) {
    const int64_t count = w[k].elements();
    Tensor update(w[k].shape());
    const float* g = grad[k].data();
    float *pw = w[k].data(), *pm = mean[k].data(), *ps = square[k].data(), *pu = update.data();
    parallel_for(count, grain, [=](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        pu[i] = adam(factor * g[i], now, pm[i], ps[i]) + spec.weight_decay * pw[i];
      }
    });
    const float lr =
        lamb_rate(now[0], spec, std::sqrt(sum_of_squares(pw, count)), std::sqrt(sum_of_squares(pu, count)));
    parallel_for(count, grain, [=](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) pw[i] -= lr * pu[i];
    });
  }
}

}  // namespace engine::cpu
