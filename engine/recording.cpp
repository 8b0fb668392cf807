#include "engine/recording.h"

#include "engine/device.h"
#include "engine/memory.h"
#ifdef DEMIX_CUDA
#include "engine/cuda/runtime.h"
#endif

namespace engine {

#ifdef DEMIX_CUDA

Recording::Recording(const std::function<void()>& work) {
  require_device(Device::cuda);
  const memory::ForRecording memory;
  cuda::start_recording();
  try {
    work();
  } catch (...) {
    cuda::drop_recording();
    throw;
  }
  graph_ = cuda::stop_recording();
}

Recording::~Recording() { cuda::destroy(graph_); }

void Recording::run() { cuda::run(graph_); }

#else

Recording::Recording(const std::function<void()>&) { require_device(Device::cuda); }
Recording::~Recording() = default;
void Recording::run() {}

#endif

}  // namespace engine
