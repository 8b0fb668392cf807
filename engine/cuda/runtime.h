#pragma once

#include <cstddef>
#include <string>

#include "engine/device.h"

// The GPU as the rest of the engine sees it: runtime.cpp asks CUDA, and simulated.cpp plays a GPU on the CPU.
namespace engine::cuda {

/// Why nothing can be computed on a GPU here; empty where it can.
std::string trouble();

Gpu gpu();

/// Memory of the GPU; null where it has no more.
void* allocate(size_t bytes);
void release(void* block);

/// Copies after all work that was begun. The source may be changed when it returns, and the CPU sees what arrived.
void copy(const void* from, bool from_gpu, void* to, bool to_gpu, size_t bytes);

/// Returns when all work that was begun is done; an Error where some of it failed.
void synchronize();

}  // namespace engine::cuda
