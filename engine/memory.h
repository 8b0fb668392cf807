#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "engine/error.h"

namespace engine::memory {

/// That the system has no more memory to give.
struct OutOfMemory : Error {
  using Error::Error;
};

/// A block of `count` floats from the pool, uninitialised, aligned to 64 bytes (2 MiB and huge pages where it is that
/// large). When its last owner lets go it returns to the pool, which keeps a list for every exact size: training asks
/// for the same sizes in every step, so the pool stops growing after the first ones. Thread-safe. Throws
/// OutOfMemory.
std::shared_ptr<float[]> allocate(int64_t count);

/// Bytes in use now, the most that were in use at once, and bytes the pool holds, in use or not.
struct Usage {
  int64_t live = 0, peak = 0, held = 0;
};
Usage usage();

/// Gives every unused block back to the system.
void release_unused();

/// Fills every block handed out from now on with `value`, so that a test sees a kernel that forgets to write; nullopt:
/// not any more.
void fill_new_blocks(std::optional<float> value);

}  // namespace engine::memory
