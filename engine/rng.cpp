#include "engine/rng.h"

#include <cmath>
#include <numbers>
#include <numeric>
#include <utility>

namespace engine {

double Rng::uniform() {
  const uint64_t high = bits() >> 5, low = bits() >> 6;  // 27 + 26 bits
  return static_cast<double>((high << 26) + low) * 0x1p-53;
}

double Rng::uniform(double low, double high) { return low + (high - low) * uniform(); }

double Rng::normal() {
  const double radius = std::sqrt(-2 * std::log1p(-uniform()));
  return radius * std::cos(2 * std::numbers::pi * uniform());
}

double Rng::log_gamma_draw(double shape) {
  ENSURE(shape > 0 && std::isfinite(shape), "rng: gamma shape ", shape, " is not positive");
  // Gamma(a) = Gamma(a + 1) U^(1/a), which as a logarithm survives any small a.
  if (shape < 1) return log_gamma_draw(shape + 1) + std::log1p(-uniform()) / shape;
  const double d = shape - 1.0 / 3, c = 1 / std::sqrt(9 * d);
  for (;;) {
    const double x = normal(), v = std::pow(1 + c * x, 3);
    if (v > 0 && std::log1p(-uniform()) < 0.5 * x * x + d * (1 - v + std::log(v))) return std::log(d * v);
  }
}

double Rng::beta(double a, double b) {
  const double log_a = log_gamma_draw(a), log_b = log_gamma_draw(b);
  return 1 / (1 + std::exp(log_b - log_a));
}

std::vector<int> Rng::permutation(int n) {
  std::vector<int> order(static_cast<size_t>(n));
  std::iota(order.begin(), order.end(), 0);
  for (int i = n - 1; i > 0; --i) std::swap(order[i], order[below(i + 1)]);
  return order;
}

}  // namespace engine
