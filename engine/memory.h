#pragma once

#include <cstdint>
#include <optional>

#include "engine/device.h"
#include "engine/error.h"

namespace engine::memory {

/// That the system, or the GPU, has no more memory to give.
struct OutOfMemory : Error {
  using Error::Error;
};

/// Bytes from the pool of a device, uninitialised, aligned to 64 bytes (2 MiB and huge pages on the CPU where it is
/// that large). When its owner lets go they return to the pool, which keeps a list for every exact size: training asks
/// for the same sizes in every step, so the pool stops growing after the first ones. Thread-safe. Throws OutOfMemory,
/// or the Error of require_device().
struct Block {
  Block(int64_t bytes, Device device);
  ~Block();
  Block(const Block&) = delete;
  Block& operator=(const Block&) = delete;
  friend void swap(Block& a, Block& b) noexcept;

  void* data;
  size_t bytes;
  Device device;
};

/// Bytes in use now, the most that were in use at once, and bytes the pool of a device holds, in use or not.
struct Usage {
  int64_t live = 0, peak = 0, held = 0;
};
Usage usage(Device device = Device::cpu);

/// Gives every unused block of a device, or of all, back to the system.
void release_unused(Device device);
void release_unused();

/// While one lives, blocks of the GPU are taken for a recording: from others that only recordings use, or new ones.
/// Never does such a block serve anything else, for recordings write to it whenever they are run.
class ForRecording {
 public:
  ForRecording();
  ~ForRecording();
  ForRecording(const ForRecording&) = delete;
  ForRecording& operator=(const ForRecording&) = delete;
};

/// Fills every block handed out from now on with `value`, so that a test sees a kernel that forgets to write; nullopt:
/// not any more.
void fill_new_blocks(std::optional<float> value);

}  // namespace engine::memory
