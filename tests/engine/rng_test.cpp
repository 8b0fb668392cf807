#include <doctest/doctest.h>

#include <cmath>
#include <functional>
#include <set>

#include "engine/error.h"
#include "engine/rng.h"

using engine::Purpose;
using engine::Rng;

TEST_CASE("Philox gives its published words") {
  using Words = std::array<uint32_t, 4>;
  constexpr uint32_t ones = 0xffffffff;
  CHECK(engine::philox4x32({0, 0, 0, 0}, {0, 0}) == Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
  CHECK(engine::philox4x32({ones, ones, ones, ones}, {ones, ones}) ==
        Words{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
  CHECK(engine::philox4x32({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}) ==
        Words{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
  CHECK(engine::philox4x32({2499, 0, 0, 0}, {20111115, 0})[3] == 1955073260);  // C++26: the engine's 10,000th number
}

TEST_CASE("numbers follow from seed, purpose, epoch and index, and each of them matters") {
  const auto draw = [](uint64_t seed, Purpose purpose, uint32_t epoch, uint32_t index) {
    return Rng(seed, purpose, epoch, index).bits();
  };
  CHECK(draw(1, Purpose::mix, 2, 3) == draw(1, Purpose::mix, 2, 3));
  const std::set<uint32_t> all{draw(1, Purpose::mix, 2, 3),     draw(2, Purpose::mix, 2, 3),
                               draw(1, Purpose::augment, 2, 3), draw(1, Purpose::mix, 3, 3),
                               draw(1, Purpose::mix, 2, 4),     draw(1 + (uint64_t{1} << 32), Purpose::mix, 2, 3)};
  CHECK(all.size() == 6);
}

namespace {

/// Checks a sample's mean and variance against known ones, at five standard errors.
void check_moments(const std::function<double()>& draw, double mean, double variance, double fourth_moment) {
  constexpr int n = 200000;
  double sum = 0, squares = 0;
  for (int i = 0; i < n; ++i) {
    const double value = draw() - mean;
    sum += value;
    squares += value * value;
  }
  CHECK(std::abs(sum / n) < 5 * std::sqrt(variance / n));
  CHECK(std::abs(squares / n - variance) < 5 * std::sqrt((fourth_moment - variance * variance) / n));
}

}  // namespace

TEST_CASE("uniform, normal and beta have the right mean and variance") {
  Rng rng(7, Purpose::test);
  check_moments([&] { return rng.uniform(); }, 0.5, 1 / 12.0, 1 / 80.0);
  check_moments([&] { return rng.normal(); }, 0, 1, 3);
  for (double a : {0.01, 0.2, 1.0, 2.0, 8.0}) {
    CAPTURE(a);
    // of Beta(a, a): variance 1 / (4 (2 a + 1)), fourth moment 3 / (16 (2 a + 1) (2 a + 3))
    check_moments([&] { return rng.beta(a, a); }, 0.5, 0.25 / (2 * a + 1), 3 / (16 * (2 * a + 1) * (2 * a + 3)));
  }
  const double variance = 12 / 576.0, kurtosis = 3 + 144 / 1320.0;
  check_moments([&] { return rng.beta(2, 6); }, 0.25, variance, kurtosis * variance * variance);
}

TEST_CASE("beta stays within 0 and 1 for any parameter") {
  Rng rng(1, Purpose::test);
  for (double a : {1e-4, 1e-2, 1e3, 1e6}) {
    for (int i = 0; i < 1000; ++i) {
      const double value = rng.beta(a, a);
      CHECK((value >= 0 && value <= 1));
    }
  }
  CHECK_THROWS_AS(rng.beta(0, 1), engine::Error);
}

TEST_CASE("below() is uniform and permutations reach every place equally") {
  Rng rng(3, Purpose::test);
  constexpr int n = 7, draws = 70000;
  std::array<int, n> counts{};
  std::array<std::array<int, n>, n> places{};
  for (int i = 0; i < draws; ++i) ++counts[static_cast<size_t>(rng.below(n))];
  for (int i = 0; i < draws; ++i) {
    const std::vector<int> order = rng.permutation(n);
    CHECK(std::set<int>(order.begin(), order.end()).size() == n);
    for (size_t k = 0; k < n; ++k) ++places[k][static_cast<size_t>(order[k])];
  }
  const double expected = draws / static_cast<double>(n), limit = 5 * std::sqrt(expected);
  for (int count : counts) CHECK(std::abs(count - expected) < limit);
  for (const auto& row : places) {
    for (int count : row) CHECK(std::abs(count - expected) < limit);
  }
  CHECK_THROWS_AS(rng.below(0), engine::Error);
}
