#pragma once

#include <cstdint>
#include <cstring>
#include <utility>

// One source for every vector unit: the compiler's own vector type, as wide as the unit that is compiled for.
namespace engine::cpu {

#if defined(__AVX512F__)
constexpr int lanes = 16;
#elif defined(__AVX__)
constexpr int lanes = 8;
#else
constexpr int lanes = 4;
#endif

/// As many floats as fit a register; + - * work on all of them at once.
typedef float Vector __attribute__((vector_size(lanes * sizeof(float))));

inline Vector load(const float* from) {
  typedef float Anywhere __attribute__((vector_size(lanes * sizeof(float)), aligned(sizeof(float)), may_alias));
  return *reinterpret_cast<const Anywhere*>(from);
}

inline void store(float* to, Vector values) {
  typedef float Anywhere __attribute__((vector_size(lanes * sizeof(float)), aligned(sizeof(float)), may_alias));
  *reinterpret_cast<Anywhere*>(to) = values;
}

/// Swaps the lanes of a that have the bit Step in their number with the lanes of b that have it not.
template <int Step, int... Lane>
inline void swap_lanes(Vector& a, Vector& b, std::integer_sequence<int, Lane...>) {
  const Vector first = __builtin_shufflevector(a, b, (Lane & Step ? lanes + Lane - Step : Lane)...);
  b = __builtin_shufflevector(a, b, (Lane & Step ? lanes + Lane : Lane + Step)...);
  a = first;
}

/// Transposes a matrix (lanes, lanes): in turn each bit of a row's number changes places with that of the column's.
template <int Step = 1>
inline void transpose(Vector (&rows)[lanes]) {
#pragma GCC unroll 16
  for (int i = 0; i < lanes; ++i) {
    if (!(i & Step)) swap_lanes<Step>(rows[i], rows[i + Step], std::make_integer_sequence<int, lanes>());
  }
  if constexpr (2 * Step < lanes) transpose<2 * Step>(rows);
}

constexpr int64_t divide_up(int64_t a, int64_t b) { return (a + b - 1) / b; }
constexpr int64_t round_up(int64_t n, int64_t multiple) { return divide_up(n, multiple) * multiple; }

}  // namespace engine::cpu
