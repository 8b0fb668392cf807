#include "engine/cuda/runtime.h"

#include "engine/cuda/check.h"

namespace engine::cuda {

std::string trouble() {
  static const std::string found = [] {
    int count = 0;
    const cudaError_t result = cudaGetDeviceCount(&count);
    if (result == cudaErrorInsufficientDriver) return std::string("no NVIDIA driver of CUDA 13 or newer was found");
    if (result != cudaSuccess) return text("no GPU can be used: ", cudaGetErrorString(result));
    return std::string(count > 0 ? "" : "no GPU was found");
  }();
  return found;
}

Gpu gpu() {
  cudaDeviceProp device;
  CUDA_CHECK(cudaGetDeviceProperties(&device, 0));
  size_t free = 0, total = 0;
  CUDA_CHECK(cudaMemGetInfo(&free, &total));
  return {device.name, static_cast<int64_t>(total), static_cast<int64_t>(free)};
}

cudaStream_t stream() {
  static const cudaStream_t made = [] {
    cudaStream_t stream;
    CUDA_CHECK(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
    return stream;
  }();
  return made;
}

void* allocate(size_t bytes) {
  void* block = nullptr;
  const cudaError_t result = cudaMalloc(&block, bytes);
  if (result == cudaErrorMemoryAllocation) {
    cudaGetLastError();  // else the next check would find it again
    return nullptr;
  }
  CUDA_CHECK(result);
  return block;
}

void release(void* block) {
  CUDA_CHECK(cudaStreamSynchronize(stream()));  // something that was begun may still use it
  CUDA_CHECK(cudaFree(block));
}

namespace {

cudaStreamCaptureStatus capture_status() {
  cudaStreamCaptureStatus status;
  CUDA_CHECK(cudaStreamIsCapturing(stream(), &status));
  return status;
}

}  // namespace

void start_recording() {
  // Relaxed: the pool may ask for memory meanwhile.
  CUDA_CHECK(cudaStreamBeginCapture(stream(), cudaStreamCaptureModeRelaxed));
}

void* stop_recording() {
  cudaGraph_t recorded = nullptr;
  CUDA_CHECK(cudaStreamEndCapture(stream(), &recorded));
  cudaGraphExec_t graph = nullptr;
  CUDA_CHECK(cudaGraphInstantiate(&graph, recorded, 0));
  CUDA_CHECK(cudaGraphDestroy(recorded));
  return graph;
}

void drop_recording() {
  cudaGraph_t recorded = nullptr;
  if (cudaStreamEndCapture(stream(), &recorded) == cudaSuccess && recorded) cudaGraphDestroy(recorded);
  cudaGetLastError();  // what went wrong is told by what was thrown
}

void run(void* graph) { CUDA_CHECK(cudaGraphLaunch(static_cast<cudaGraphExec_t>(graph), stream())); }

void destroy(void* graph) {
  cudaStreamSynchronize(stream());
  if (graph) cudaGraphExecDestroy(static_cast<cudaGraphExec_t>(graph));
}

void copy(const void* from, bool from_gpu, void* to, bool to_gpu, size_t bytes) {
  ENSURE((from_gpu && to_gpu) || capture_status() == cudaStreamCaptureStatusNone, "cuda: a copy of ", bytes,
         " bytes between CPU and GPU cannot be recorded");
  const cudaMemcpyKind kind = !from_gpu ? cudaMemcpyHostToDevice
                              : to_gpu  ? cudaMemcpyDeviceToDevice
                                        : cudaMemcpyDeviceToHost;
  CUDA_CHECK(cudaMemcpyAsync(to, from, bytes, kind, stream()));
  if (!to_gpu) CUDA_CHECK(cudaStreamSynchronize(stream()));
}

void synchronize() { CUDA_CHECK(cudaStreamSynchronize(stream())); }

}  // namespace engine::cuda
