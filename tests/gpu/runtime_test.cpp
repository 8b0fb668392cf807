#include "engine/cuda/runtime.h"

#include <cuda_runtime.h>
#include <doctest/doctest.h>

#include <cstdlib>
#include <cstring>
#include <deque>
#include <functional>
#include <numeric>
#include <vector>

#include "engine/error.h"

// What runtime.cpp asks of CUDA, played without a GPU: a stream on which nothing is done before somebody waits for it,
// and which shows whether memory is used again too early, an error is left behind, or too much is waited for.
namespace {

using Works = std::vector<std::function<void()>>;

std::deque<std::function<void()>> stream;
int64_t begun = 0, done = 0;  // works of the stream
Works* captured = nullptr;
bool capture_breaks = false;
cudaError_t last_error = cudaSuccess;
size_t pinned_blocks = 0, memory_left = size_t{1} << 40;

void begin(std::function<void()> work) {
  if (captured) return captured->push_back(std::move(work));
  stream.push_back(std::move(work));
  ++begun;
}

void finish(int64_t until) {
  for (; done < until; ++done) {
    stream.front()();
    stream.pop_front();
  }
}

cudaError_t remembered(cudaError_t error) { return last_error = error; }

struct Event {
  int64_t after = 0;  // how many works of the stream it comes behind
};
Event& event_of(cudaEvent_t event) { return *reinterpret_cast<Event*>(event); }

}  // namespace

cudaError_t cudaGetDeviceCount(int* count) { return *count = 1, cudaSuccess; }
cudaError_t cudaGetDeviceProperties(cudaDeviceProp*, int) { return cudaSuccess; }
const char* cudaGetErrorName(cudaError_t) { return "cudaErrorName"; }
const char* cudaGetErrorString(cudaError_t) { return "what CUDA says"; }
cudaError_t cudaGetLastError() { return std::exchange(last_error, cudaSuccess); }
cudaError_t cudaMemGetInfo(size_t*, size_t*) { return cudaSuccess; }

cudaError_t cudaMalloc(void** block, size_t bytes) {
  if (bytes > memory_left) return remembered(cudaErrorMemoryAllocation);
  *block = std::malloc(bytes);
  return cudaSuccess;
}
cudaError_t cudaFree(void* block) {
  CHECK(done == begun);  // what was begun may still use it
  std::free(block);
  return cudaSuccess;
}
cudaError_t cudaMallocHost(void** block, size_t bytes) {
  ++pinned_blocks;
  *block = std::malloc(bytes);
  return cudaSuccess;
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t*, unsigned) { return cudaSuccess; }
cudaError_t cudaStreamSynchronize(cudaStream_t) { return finish(begun), cudaSuccess; }
cudaError_t cudaMemcpyAsync(void* to, const void* from, size_t bytes, cudaMemcpyKind, cudaStream_t) {
  return begin([=] { std::memcpy(to, from, bytes); }), cudaSuccess;
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned) {
  *event = reinterpret_cast<cudaEvent_t>(new Event);
  return cudaSuccess;
}
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t) { return event_of(event).after = begun, cudaSuccess; }
cudaError_t cudaEventSynchronize(cudaEvent_t event) { return finish(event_of(event).after), cudaSuccess; }
cudaError_t cudaEventQuery(cudaEvent_t event) {
  return event_of(event).after <= done ? cudaSuccess : remembered(cudaErrorNotReady);
}

cudaError_t cudaStreamIsCapturing(cudaStream_t, cudaStreamCaptureStatus* status) {
  *status = captured ? cudaStreamCaptureStatusActive : cudaStreamCaptureStatusNone;
  return cudaSuccess;
}
cudaError_t cudaStreamBeginCapture(cudaStream_t, cudaStreamCaptureMode) { return captured = new Works, cudaSuccess; }
cudaError_t cudaStreamEndCapture(cudaStream_t, cudaGraph_t* graph) {
  *graph = reinterpret_cast<cudaGraph_t>(std::exchange(captured, nullptr));
  return capture_breaks ? remembered(cudaErrorStreamCaptureInvalidated) : cudaSuccess;
}
cudaError_t cudaGraphInstantiate(cudaGraphExec_t* runs, cudaGraph_t graph, unsigned long long) {
  *runs = reinterpret_cast<cudaGraphExec_t>(new Works(*reinterpret_cast<Works*>(graph)));
  return cudaSuccess;
}
cudaError_t cudaGraphDestroy(cudaGraph_t graph) { return delete reinterpret_cast<Works*>(graph), cudaSuccess; }
cudaError_t cudaGraphLaunch(cudaGraphExec_t graph, cudaStream_t) {
  for (const auto& work : *reinterpret_cast<Works*>(graph)) begin(work);
  return cudaSuccess;
}
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t graph) {
  CHECK(done == begun);
  delete reinterpret_cast<Works*>(graph);
  return cudaSuccess;
}

namespace {

/// Numbers in the memory of the GPU.
struct OnGpu {
  explicit OnGpu(size_t count) : count(count), data(static_cast<int*>(engine::cuda::allocate(count * sizeof(int)))) {}
  ~OnGpu() { engine::cuda::release(data); }
  OnGpu(const OnGpu&) = delete;

  void send(const std::vector<int>& values) {
    engine::cuda::copy(values.data(), false, data, true, count * sizeof(int));
  }
  std::vector<int> get() const {
    std::vector<int> values(count);
    engine::cuda::copy(data, true, values.data(), false, count * sizeof(int));
    return values;
  }

  size_t count;
  int* data;
};

}  // namespace

TEST_CASE("what is sent to a GPU arrives as it was, and nobody waits while it has read a part of it") {
  for (const size_t count : {size_t{2}, size_t{3} << 20}) {  // 8 bytes; 12 MiB
    OnGpu memory(count);
    const int64_t waits = engine::cuda::waits(), before = done;
    std::vector<int> values(count), expected(count);
    std::iota(expected.begin(), expected.end(), 2);
    memory.send(values);
    memory.send(values = expected);
    values.assign(count, 3);
    CHECK(engine::cuda::waits() == waits);
    CHECK(done == before);
    CHECK(cudaGetLastError() == cudaSuccess);
    CHECK((memory.get() == expected));
    CHECK(engine::cuda::waits() == waits + 1);
    const size_t blocks = pinned_blocks;
    memory.send(values);
    CHECK(pinned_blocks == blocks);  // those that were read serve again
  }
}

TEST_CASE("where much is on its way to a GPU the sender waits until the first of it has arrived") {
  constexpr size_t count = 100;
  OnGpu memory(count);
  const int64_t waits = engine::cuda::waits();
  const size_t blocks = pinned_blocks;
  for (size_t i = 0; i < count; ++i) {
    const int value = static_cast<int>(i);
    engine::cuda::copy(&value, false, memory.data + i, true, sizeof value);
  }
  CHECK(pinned_blocks <= blocks + 64);
  CHECK(engine::cuda::waits() > waits);
  CHECK(begun - done >= 60);  // for no more than that
  const std::vector<int> arrived = memory.get();
  for (size_t i = 0; i < count; ++i) CHECK(arrived[i] == static_cast<int>(i));
}

TEST_CASE("what is fetched from a GPU is as it was when it was begun, and waits for nothing that came later") {
  OnGpu memory(2);
  memory.send({1, 2});
  engine::cuda::Download first(memory.data, 8);
  memory.send({3, 4});
  engine::cuda::Download second(memory.data, 8);
  memory.send({5, 6});
  const int64_t waits = engine::cuda::waits();
  const auto value = [](engine::cuda::Download& download) { return static_cast<const int*>(download.wait())[1]; };
  CHECK(value(first) == 2);
  CHECK(begun - done == 3);
  CHECK(value(second) == 4);
  CHECK(value(first) == 2);
  { engine::cuda::Download dropped(memory.data, 8); }  // its place serves the next one
  const size_t blocks = pinned_blocks;
  memory.send({7, 8});
  engine::cuda::Download third(memory.data, 8);
  CHECK(pinned_blocks <= blocks + 1);
  CHECK(value(third) == 8);
  CHECK(engine::cuda::waits() == waits);
}

TEST_CASE("work is recorded, run as often as asked, and never with the CPU's part in it") {
  OnGpu from(1), to(1);
  from.send({1});
  to.send({0});
  int here = 9;
  engine::cuda::start_recording();
  engine::cuda::copy(from.data, true, to.data, true, 4);
  CHECK_THROWS_WITH(engine::cuda::copy(&here, false, to.data, true, 4),
                    "cuda: a copy of 4 bytes between CPU and GPU cannot be recorded");
  CHECK_THROWS_AS(engine::cuda::copy(to.data, true, &here, false, 4), engine::Error);
  CHECK_THROWS_AS(engine::cuda::Download(to.data, 4), engine::Error);
  void* graph = engine::cuda::stop_recording();
  CHECK(to.get() == std::vector<int>{0});
  for (int value : {1, 5}) {
    from.send({value});
    engine::cuda::run(graph);
    from.send({7});
    CHECK(to.get() == std::vector<int>{value});
  }
  engine::cuda::run(graph);
  engine::cuda::destroy(graph);
  CHECK(to.get() == std::vector<int>{7});

  engine::cuda::start_recording();
  capture_breaks = true;
  engine::cuda::drop_recording();
  CHECK(cudaGetLastError() == cudaSuccess);
  engine::cuda::start_recording();
  CHECK_THROWS_WITH(engine::cuda::stop_recording(),
                    "cuda: cudaStreamEndCapture(stream(), &recorded): what CUDA says (cudaErrorName)");
  capture_breaks = false;
}

TEST_CASE("memory that a GPU has not got is no error that is found again later") {
  memory_left = 100;
  CHECK(engine::cuda::allocate(101) == nullptr);
  CHECK(cudaGetLastError() == cudaSuccess);
  memory_left = 1000;
  void* block = engine::cuda::allocate(101);
  CHECK(block != nullptr);
  engine::cuda::release(block);
}
