#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "engine/error.h"
#include "engine/host_device.h"

namespace engine {

/// Ten rounds of Philox4x32 (Salmon, Moraes, Dror, Shaw, 2011): four random words for every counter and key.
DEMIX_HOST_DEVICE inline std::array<uint32_t, 4> philox4x32(std::array<uint32_t, 4> counter,
                                                            std::array<uint32_t, 2> key) {
  for (int round = 0; round < 10; ++round) {
    const uint64_t even = uint64_t{0xD2511F53} * counter[0], odd = uint64_t{0xCD9E8D57} * counter[2];
    counter[0] = static_cast<uint32_t>(odd >> 32) ^ counter[1] ^ key[0];
    counter[1] = static_cast<uint32_t>(odd);
    counter[2] = static_cast<uint32_t>(even >> 32) ^ counter[3] ^ key[1];
    counter[3] = static_cast<uint32_t>(even);
    key[0] += 0x9E3779B9;
    key[1] += 0xBB67AE85;
  }
  return counter;
}

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
/// `index` is the sample or step. Every distribution is our own, so no standard library decides them. What is drawn on
/// the GPU is what is drawn on the CPU.
class Rng {
 public:
  DEMIX_HOST_DEVICE Rng(uint64_t seed, Purpose purpose, uint32_t epoch = 0, uint32_t index = 0)
      : key_{static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32)},
        counter_{0, static_cast<uint32_t>(purpose), epoch, index} {}

  DEMIX_HOST_DEVICE uint32_t bits();
  DEMIX_HOST_DEVICE int64_t below(int64_t n);  // 0 .. n - 1, each equally likely
  double uniform();                            // [0, 1), 53 bits
  double uniform(double low, double high);     // [low, high)
  double normal();                             // mean 0, variance 1 (Box, Muller, 1958)
  double log_gamma_draw(double shape);         // logarithm of a gamma variable of scale 1 (Marsaglia, Tsang, 2000)
  double beta(double a, double b);             // [0, 1]; a, b from 1e-300
  std::vector<int> permutation(int n);         // 0 .. n - 1 in random order (Fisher, Yates)

 private:
  std::array<uint32_t, 2> key_;
  std::array<uint32_t, 4> counter_;
  std::array<uint32_t, 4> block_{};
  int used_ = 4;
};

DEMIX_HOST_DEVICE inline uint32_t Rng::bits() {
  if (used_ == 4) {
    block_ = philox4x32(counter_, key_);
    ++counter_[0];
    used_ = 0;
  }
  return block_[used_++];
}

DEMIX_HOST_DEVICE inline int64_t Rng::below(int64_t n) {
#ifndef __CUDA_ARCH__  // where nobody would hear of it
  ENSURE(n >= 1 && n <= int64_t{1} << 32, "rng: below(", n, ") is not between 1 and 2^32");
#endif
  const uint64_t range = uint64_t{1} << 32, fair = range - range % static_cast<uint64_t>(n);
  for (;;) {
    const uint64_t draw = bits();
    if (draw < fair) return static_cast<int64_t>(draw % static_cast<uint64_t>(n));
  }
}

}  // namespace engine
