#pragma once

#include <cstdint>
#include <string>

namespace engine {

enum class Device { cpu, cuda };

/// Throws an Error that says what to do where this build or machine has no such device.
void require_device(Device device);

/// Copies bytes between memory of two devices. The source may be changed when it returns, and the CPU sees what
/// arrived.
void copy_bytes(const void* from, Device source, void* to, Device target, int64_t bytes);

/// Each of `count` numbers in memory of a device becomes `value`.
void fill(float* to, Device device, int64_t count, float value);

/// Returns when all work that was begun on a device is done.
void synchronize(Device device);

/// The GPU that cuda stands for: "NVIDIA H100 80GB HBM3", and the bytes of memory it has in all and free.
struct Gpu {
  std::string name;
  int64_t memory = 0, free = 0;
};
Gpu gpu();

/// How exactly the GPU multiplies, for the whole process.
struct GpuMath {
  bool tf32 = false;           // on tensor cores, which read 10 bits of a float's fraction
  bool deterministic = false;  // the same bits in every run, and not always the fastest way

  bool operator==(const GpuMath&) const = default;
};
GpuMath& gpu_math();

}  // namespace engine
