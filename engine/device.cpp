#include "engine/device.h"

#include <algorithm>
#include <cstring>

#include "engine/error.h"
#ifdef DEMIX_CUDA
#include "engine/cuda/runtime.h"
#endif

namespace engine {

void require_device(Device device) {
  if (device == Device::cpu) return;
#ifdef DEMIX_CUDA
  const std::string trouble = cuda::trouble();
  ENSURE(trouble.empty(), "device cuda: ", trouble, "; use --device cpu");
#else
  ENSURE(false, "device cuda: this build of demix has no CUDA backend; use --device cpu");
#endif
}

void copy_bytes(const void* from, Device source, void* to, Device target, int64_t bytes) {
  if (bytes == 0) return;
  if (source == Device::cpu && target == Device::cpu) {
    std::memcpy(to, from, static_cast<size_t>(bytes));
    return;
  }
#ifdef DEMIX_CUDA
  cuda::copy(from, source == Device::cuda, to, target == Device::cuda, static_cast<size_t>(bytes));
#endif
}

void fill(float* to, Device device, int64_t count, float value) {
#ifdef DEMIX_CUDA
  if (device == Device::cuda) return cuda::fill(to, count, value);
#endif
  (void)device;
  std::fill_n(to, count, value);
}

GpuMath& gpu_math() {
  static GpuMath settings;
  return settings;
}

void synchronize(Device device) {
#ifdef DEMIX_CUDA
  if (device == Device::cuda) cuda::synchronize();
#endif
  (void)device;
}

Gpu gpu() {
  require_device(Device::cuda);
#ifdef DEMIX_CUDA
  return cuda::gpu();
#else
  return {};
#endif
}

}  // namespace engine
