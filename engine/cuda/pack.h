#pragma once

#include <bit>
#include <cstdint>
#include <type_traits>

#include "engine/dtype.h"

namespace engine::cuda {

/// Numbers of neighbouring channels, which a thread reads and writes at once: 8 or 16 bytes an instruction. One
/// bfloat16 at a time would leave a kernel waiting for its instructions rather than for memory.
template <class T, int count>
struct alignas(count * sizeof(T)) Pack {
  using Number = T;
  static constexpr int width = count;
  static constexpr bool pairs = std::is_same_v<T, BFloat16> && count % 2 == 0;  // two to a word
  static constexpr int rows = sizeof(T) * count > 8 ? 4 : 8;  // read by a thread before it waits for the first

  T numbers[count];

  DEMIX_HOST_DEVICE T& operator[](int k) { return numbers[k]; }
  DEMIX_HOST_DEVICE const T& operator[](int k) const { return numbers[k]; }
};

/// Calls function(P()) for the type P of the widest packs that c channels are a whole number of:
///
///   by_pack(y.dtype(), c, [&](auto pack) { relu<decltype(pack)>(x, y); });
template <class Function>
void by_pack(DType type, int64_t c, const Function& function) {
  by_type(type, [&](auto zero) {
    if (c % 4 == 0) function(Pack<decltype(zero), 4>());
    else function(Pack<decltype(zero), 1>());
  });
}

/// Numbers as they are stored, rounded as BFloat16 does it, except that NaNs all become the same one: a GPU has an
/// instruction for two of them, in place of nine for each.
template <class T, int width>
DEMIX_HOST_DEVICE Pack<T, width> rounded(const Pack<float, width>& from) {
  Pack<T, width> to;
#if defined(__CUDA_ARCH__)
  if constexpr (Pack<T, width>::pairs) {
    Pack<uint32_t, width / 2> words;
    for (int k = 0; k < width; k += 2) {
      asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(words[k / 2]) : "f"(from[k + 1]), "f"(from[k]));
    }
    to = std::bit_cast<Pack<T, width>>(words);
  } else
#endif
    for (int k = 0; k < width; ++k) to[k] = from[k];
  return to;
}

/// An array from the pool as packs.
template <int width, class T>
DEMIX_HOST_DEVICE Pack<T, width>* packed(T* numbers) {
  return reinterpret_cast<Pack<T, width>*>(numbers);
}
template <int width, class T>
DEMIX_HOST_DEVICE const Pack<T, width>* packed(const T* numbers) {
  return reinterpret_cast<const Pack<T, width>*>(numbers);
}

/// How threads share a tensor whose rows are so many packs: in lanes, each of which takes every lanes-th row. Thread i
/// takes the packs i, i + threads, i + 2 threads, ..., so neighbours read neighbours, and all of its packs are of the
/// same channels.
struct Share {
  int64_t columns, threads;
  int least;     // packs that each thread takes,
  int64_t more;  // and so many of the first threads take one more

  Share(int64_t rows, int64_t columns, int64_t lanes)
      : columns(columns),
        threads(lanes * columns),
        least(static_cast<int>(rows / lanes)),
        more(rows % lanes * columns) {}

  DEMIX_HOST_DEVICE int packs(int64_t i) const { return least + (i < more); }
  DEMIX_HOST_DEVICE uint32_t column(int64_t i) const {  // in 32 bits, for a division of 64 takes a hundred instructions
    return static_cast<uint32_t>(i) % static_cast<uint32_t>(columns);
  }
};

/// The next packs of a thread, from number `at` on and at most `left`; zeros where there are no more, or no tensor. All
/// are on their way before the first is looked at: for this bfloat16 are kept as they come, in words.
template <class P, int rows = P::rows>
class Rows {
 public:
  DEMIX_HOST_DEVICE Rows(const P* from, int64_t at, int left, const Share& share) {
    const int there = from ? left : 0;
    for (int r = 0; r < rows; ++r, at += share.threads) {
      if (r < there) row_[r] = std::bit_cast<Words>(from[at]);
    }
  }

  DEMIX_HOST_DEVICE Pack<float, P::width> operator[](int r) const {
    Pack<float, P::width> numbers;
    for (int k = 0; k < P::width; ++k) {
      if constexpr (P::pairs) {
        const uint32_t word = row_[r][k / 2];
        numbers[k] = std::bit_cast<float>(k % 2 ? word & 0xffff0000 : word << 16);
      } else {
        numbers[k] = row_[r][k];
      }
    }
    return numbers;
  }

 private:
  using Words = std::conditional_t<P::pairs, Pack<uint32_t, (P::width + 1) / 2>, P>;

  Words row_[rows]{};
};

}  // namespace engine::cuda
