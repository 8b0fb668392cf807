#pragma once

#include <cstdint>
#include <string_view>

namespace support {

/// The hash of tests/recorded/trajectory.py, uniform in [-1, 1).
inline float noise(uint64_t index, uint64_t stream) {
  auto x = static_cast<uint32_t>(index * 2654435761 + stream * 40503 + 12345);
  x ^= x >> 16, x *= 0x7FEB352D;
  x ^= x >> 15, x *= 0x846CA68B;
  x ^= x >> 16;
  return static_cast<float>(x / 2147483648.0 - 1);
}

/// The stream of a name, as tests/recorded/networks.py has it: FNV-1a, 32 bits.
inline uint32_t stream_of(std::string_view name) {
  uint32_t stream = 2166136261;
  for (char c : name) stream = (stream ^ static_cast<uint8_t>(c)) * 16777619;
  return stream;
}

}  // namespace support
