#include "engine/cuda/runtime.h"

#include <algorithm>
#include <cstring>
#include <unordered_map>
#include <vector>

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

namespace {

int64_t waited = 0;

/// Memory of the CPU that the GPU reads and writes by itself, and when it is done with it.
struct Pinned {
  explicit Pinned(size_t bytes) {
    CUDA_CHECK(cudaMallocHost(&memory, bytes));
    CUDA_CHECK(cudaEventCreateWithFlags(&done, cudaEventDisableTiming));
  }
  void mark() const { CUDA_CHECK(cudaEventRecord(done, stream())); }
  void wait() const { CUDA_CHECK(cudaEventSynchronize(done)); }
  bool is_done() const {
    const cudaError_t result = cudaEventQuery(done);
    if (result == cudaErrorNotReady) cudaGetLastError();  // else the next check would find it again
    else CUDA_CHECK(result);
    return result == cudaSuccess;
  }

  void* memory = nullptr;
  cudaEvent_t done = nullptr;
};

/// Places that bytes for the GPU are taken to, one after the other, so that the caller can go on before it has read
/// them.
class Ring {
 public:
  explicit Ring(size_t size) : size(size) {}

  void upload(const char* from, char* to, size_t bytes) {
    for (size_t at = 0; at < bytes; at += size) {
      const size_t part = std::min(size, bytes - at);
      const Pinned& place = take();
      std::memcpy(place.memory, from + at, part);
      CUDA_CHECK(cudaMemcpyAsync(to + at, place.memory, part, cudaMemcpyHostToDevice, stream()));
      place.mark();
    }
  }

  const size_t size;

 private:
  /// The place that has waited for longest; a new one where the GPU has not read that yet. It waits where these are
  /// many.
  const Pinned& take() {
    constexpr size_t most = 64;
    if (next_ == places_.size()) next_ = 0;
    if (places_.empty() || (places_.size() < most && !places_[next_].is_done())) {
      places_.insert(places_.begin() + static_cast<std::ptrdiff_t>(next_), Pinned(size));
    }
    const Pinned& place = places_[next_++];
    if (!place.is_done()) ++waited;
    place.wait();
    return place;
  }

  std::vector<Pinned> places_;  // in the order of their use, from the next one on
  size_t next_ = 0;
};

void upload(const char* from, char* to, size_t bytes) {
  static Ring small(size_t{64} << 10), large(size_t{4} << 20);
  (bytes <= small.size ? small : large).upload(from, to, bytes);
}

}  // namespace

void copy(const void* from, bool from_gpu, void* to, bool to_gpu, size_t bytes) {
  ENSURE((from_gpu && to_gpu) || capture_status() == cudaStreamCaptureStatusNone, "cuda: a copy of ", bytes,
         " bytes between CPU and GPU cannot be recorded");
  if (!from_gpu) return upload(static_cast<const char*>(from), static_cast<char*>(to), bytes);
  CUDA_CHECK(cudaMemcpyAsync(to, from, bytes, to_gpu ? cudaMemcpyDeviceToDevice : cudaMemcpyDeviceToHost, stream()));
  if (!to_gpu) synchronize();
}

void synchronize() {
  ++waited;
  CUDA_CHECK(cudaStreamSynchronize(stream()));
}

int64_t waits() { return waited; }

struct Download::Place {
  Pinned pinned;
  size_t bytes;

  /// Those that are free, by size.
  static std::vector<Place*>& free(size_t bytes) {
    static std::unordered_map<size_t, std::vector<Place*>> all;
    return all[bytes];
  }
};

Download::Download(const void* from, size_t bytes) {
  ENSURE(capture_status() == cudaStreamCaptureStatusNone, "cuda: a copy of ", bytes,
         " bytes between CPU and GPU cannot be recorded");
  std::vector<Place*>& free = Place::free(bytes);
  if (free.empty()) free.push_back(new Place{Pinned(bytes), bytes});
  place_ = free.back();
  free.pop_back();
  CUDA_CHECK(cudaMemcpyAsync(place_->pinned.memory, from, bytes, cudaMemcpyDeviceToHost, stream()));
  place_->pinned.mark();
}

// Another copy to the same place comes behind this one.
Download::~Download() { Place::free(place_->bytes).push_back(place_); }

const void* Download::wait() {
  place_->pinned.wait();
  return place_->pinned.memory;
}

}  // namespace engine::cuda
