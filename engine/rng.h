#pragma once

#include <array>
#include <cstdint>
#include <vector>

namespace engine {

/// Ten rounds of Philox4x32 (Salmon, Moraes, Dror, Shaw, 2011): four random words for every counter and key.
std::array<uint32_t, 4> philox4x32(std::array<uint32_t, 4> counter, std::array<uint32_t, 2> key);

/// What random numbers are for; part of the counter, so that no two uses share a stream.
enum class Purpose : uint32_t {
  test,
  init,
  shuffle,
  augment,
  mix,
  draw_train,
  draw_test,
  bench,
  mix_test,
  label_split
};

/// Random numbers that follow from (seed, purpose, epoch, index) alone, never from who draws them or in what order:
/// `index` is the sample or step. Every distribution is our own, so no standard library decides them.
class Rng {
 public:
  Rng(uint64_t seed, Purpose purpose, uint32_t epoch = 0, uint32_t index = 0)
      : key_{static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32)},
        counter_{0, static_cast<uint32_t>(purpose), epoch, index} {}

  uint32_t bits();
  double uniform();                         // [0, 1), 53 bits
  double uniform(double low, double high);  // [low, high)
  int64_t below(int64_t n);                 // 0 .. n - 1, each equally likely
  double normal();                          // mean 0, variance 1 (Box, Muller, 1958)
  double log_gamma_draw(double shape);      // logarithm of a gamma variable of scale 1 (Marsaglia, Tsang, 2000)
  double beta(double a, double b);          // [0, 1]; a, b from 1e-300
  std::vector<int> permutation(int n);      // 0 .. n - 1 in random order (Fisher, Yates)

 private:
  std::array<uint32_t, 2> key_;
  std::array<uint32_t, 4> counter_;
  std::array<uint32_t, 4> block_{};
  int used_ = 4;
};

}  // namespace engine
