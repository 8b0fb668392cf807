#include "engine/rng.h"

#include <cmath>
#include <numbers>
#include <numeric>
#include <utility>

#include "engine/error.h"

namespace engine {

std::array<uint32_t, 4> philox4x32(std::array<uint32_t, 4> counter, std::array<uint32_t, 2> key) {
  for (int round = 0; round < 10; ++round) {
    const uint64_t even = uint64_t{0xD2511F53} * counter[0], odd = uint64_t{0xCD9E8D57} * counter[2];
    counter = {static_cast<uint32_t>(odd >> 32) ^ counter[1] ^ key[0], static_cast<uint32_t>(odd),
               static_cast<uint32_t>(even >> 32) ^ counter[3] ^ key[1], static_cast<uint32_t>(even)};
    key = {key[0] + 0x9E3779B9, key[1] + 0xBB67AE85};
  }
  return counter;
}

uint32_t Rng::bits() {
  if (used_ == 4) {
    block_ = philox4x32(counter_, key_);
    ++counter_[0];
    used_ = 0;
  }
  return block_[used_++];
}

double Rng::uniform() {
  const uint64_t high = bits() >> 5, low = bits() >> 6;  // 27 + 26 bits
  return static_cast<double>((high << 26) + low) * 0x1p-53;
}

double Rng::uniform(double low, double high) { return low + (high - low) * uniform(); }

int64_t Rng::below(int64_t n) {
  ENSURE(n >= 1 && n <= int64_t{1} << 32, "rng: below(", n, ") is not between 1 and 2^32");
  const uint64_t range = uint64_t{1} << 32, fair = range - range % static_cast<uint64_t>(n);
  for (;;) {
    const uint64_t draw = bits();
    if (draw < fair) return static_cast<int64_t>(draw % static_cast<uint64_t>(n));
  }
}

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
