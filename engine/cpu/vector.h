#pragma once

#include <cstdint>
#include <cstring>

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

constexpr int64_t round_up(int64_t n, int64_t multiple) { return (n + multiple - 1) / multiple * multiple; }

}  // namespace engine::cpu
