#pragma once

#include <bit>
#include <cstdint>

#include "engine/host_device.h"

namespace engine {

/// What a tensor holds: float32, or on a GPU also bfloat16, which has its range and 8 bits of precision.
enum class DType { f32, bf16 };

/// The upper half of a float32. Arithmetic is done in float; what is stored is rounded to nearest, halves to even.
struct BFloat16 {
  uint16_t bits;

  BFloat16() = default;
  DEMIX_HOST_DEVICE BFloat16(float value) : bits(upper_half(std::bit_cast<uint32_t>(value))) {}
  DEMIX_HOST_DEVICE operator float() const { return std::bit_cast<float>(uint32_t{bits} << 16); }

 private:
  DEMIX_HOST_DEVICE static uint16_t upper_half(uint32_t whole) {
    const bool nan = (whole & 0x7fffffff) > 0x7f800000;  // which rounding could turn into an infinity
    return static_cast<uint16_t>(nan ? whole >> 16 | 0x40 : (whole + 0x7fff + (whole >> 16 & 1)) >> 16);
  }
};

template <class T>
inline constexpr DType dtype_of = DType::f32;
template <>
inline constexpr DType dtype_of<BFloat16> = DType::bf16;

inline int64_t size_of(DType type) { return type == DType::bf16 ? sizeof(BFloat16) : sizeof(float); }

/// Calls function(T()) for the type T of a tensor's elements:
///
///   by_type(y.dtype(), [&](auto zero) { relu<decltype(zero)>(x, y); });
template <class Function>
void by_type(DType type, const Function& function) {
  if (type == DType::bf16) function(BFloat16());
  else function(float());
}

}  // namespace engine
