#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "engine/device.h"

// The GPU as the rest of the engine sees it: runtime.cpp asks CUDA, and simulated.cpp plays a GPU on the CPU. For one
// thread at a time.
namespace engine::cuda {

/// Why nothing can be computed on a GPU here; empty where it can.
std::string trouble();

Gpu gpu();

/// Memory of the GPU; null where it has no more.
void* allocate(size_t bytes);
void release(void* block);

/// Copies after all work that was begun. The source may be changed when it returns; what goes to the CPU is waited for,
/// what comes from it is not. An Error where the CPU has a part in it while work is recorded.
void copy(const void* from, bool from_gpu, void* to, bool to_gpu, size_t bytes);

/// From here on work is not done but recorded, until it is stopped: then it is a graph that can be run and is to be
/// destroyed, or is dropped.
void start_recording();
void* stop_recording();
void drop_recording();
void run(void* graph);
void destroy(void* graph);

/// Each of `count` numbers becomes `value`.
void fill(float* to, int64_t count, float value);

/// Returns when all work that was begun is done; an Error where some of it failed.
void synchronize();

/// How often copy() or synchronize() has made the CPU wait for work that was begun.
int64_t waits();

/// Bytes on their way from the GPU to the CPU, behind all work that was begun before.
class Download {
 public:
  Download(const void* from, size_t bytes);
  ~Download();
  Download(const Download&) = delete;
  Download& operator=(const Download&) = delete;

  /// Them, once they are there.
  const void* wait();

 private:
  struct Place;
  Place* place_;
};

}  // namespace engine::cuda
