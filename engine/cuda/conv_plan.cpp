#include "engine/cuda/conv_plan.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <list>
#include <memory>
#include <unordered_map>

#include "engine/cuda/runtime.h"
#include "engine/cuda/scratch.h"

// cuDNN has dozens of engines for a convolution and is often wrong about which is the fastest. So the first time that a
// convolution is met, the plans that look best are run with its own memory, and the fastest one serves it from then on.
namespace engine::cuda {

size_t ConvKeyHash::operator()(const ConvKey& key) const {
  uint64_t hash = 0;
  const auto add = [&](auto value) {
    hash = (hash ^ static_cast<uint64_t>(value)) * 0x9e3779b97f4a7c15;
    hash ^= hash >> 32;
  };
  for (const Shape* shape : {&key.x, &key.weight, &key.y}) {
    for (int i = 0; i < shape->rank(); ++i) add((*shape)[i]);
  }
  for (int64_t number : {key.stride, key.pad, key.groups}) add(number);
  add(key.pass);
  add(key.type);
  for (bool flag : {key.accumulate, key.math.tf32, key.math.deterministic}) add(flag);
  return hash;
}

std::string describe(const ConvKey& key) {
  constexpr const char* passes[]{"forward", "backward data", "backward weight"};
  const char* type = key.type == CUDNN_DATA_FLOAT      ? "float32"
                     : key.type == CUDNN_DATA_HALF     ? "float16"
                     : key.type == CUDNN_DATA_BFLOAT16 ? "bfloat16"
                                                       : "another type";
  return text("conv2d ", passes[static_cast<size_t>(key.pass)], ", x ", key.x, ", weight ", key.weight, ", stride ",
              key.stride, ", pad ", key.pad, ", groups ", key.groups, ", ", type, key.accumulate ? ", accumulated" : "",
              key.math.tf32 ? ", tf32" : "", key.math.deterministic ? ", deterministic" : "");
}

bool allowed(const std::vector<cudnnBackendNumericalNote_t>& notes, const GpuMath& math, cudnnDataType_t type) {
  const bool exact = type == CUDNN_DATA_FLOAT;
  return std::none_of(notes.begin(), notes.end(), [&](cudnnBackendNumericalNote_t note) {
    return (note == CUDNN_NUMERICAL_NOTE_TENSOR_CORE && exact && !math.tf32) ||
           (note == CUDNN_NUMERICAL_NOTE_DOWN_CONVERT_INPUTS && exact) ||  // to float16, which overflows
           (exact &&
            (note == CUDNN_NUMERICAL_NOTE_WINOGRAD_TILE_4x4 || note == CUDNN_NUMERICAL_NOTE_WINOGRAD_TILE_6x6 ||
             note == CUDNN_NUMERICAL_NOTE_WINOGRAD_TILE_13x13)) ||  // whose rounding is larger
           (note == CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC && math.deterministic);
  });
}

namespace {

constexpr int64_t most_workspace = int64_t{1} << 30;  // bytes; what needs more is seldom faster

constexpr int64_t x_id = 1, weight_id = 2, y_id = 3;

cudnnStatus_t run(const ConvPlan& plan, const ConvData& data, void* workspace) {
  Descriptor pack(CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR);
  pack.set(CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, {x_id, weight_id, y_id});
  pack.set(CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, {data.x, data.weight, data.y});
  pack.set(CUDNN_ATTR_VARIANT_PACK_WORKSPACE, workspace);
  pack.finalize();
  return cudnn().execute(cudnn_handle(), plan.descriptor.handle(), pack.handle());
}

Descriptor graph_of(const ConvKey& key, const Descriptor* device) {
  try {
    const Descriptor operation = operation_descriptor(
        key.pass, tensor_descriptor(x_id, key.x, key.type), tensor_descriptor(weight_id, key.weight, key.type),
        tensor_descriptor(y_id, key.y, key.type), convolution_descriptor(key.stride, key.pad), key.accumulate);
    return graph_descriptor(operation, device);
  } catch (const Error& error) {
    fail(error.what(), ": ", describe(key));
  }
}

/// A point in time on the stream.
class Event {
 public:
  Event() { CUDA_CHECK(cudaEventCreate(&event_)); }
  ~Event() { cudaEventDestroy(event_); }
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;

  void record() { CUDA_CHECK(cudaEventRecord(event_, stream())); }
  float milliseconds_since(const Event& start) const {
    float milliseconds = 0;
    CUDA_CHECK(cudaEventSynchronize(event_));
    CUDA_CHECK(cudaEventElapsedTime(&milliseconds, start.event_, event_));
    return milliseconds;
  }

 private:
  cudaEvent_t event_;
};

/// How long three runs take after one that warms up; infinitely long where they fail or lack memory.
float milliseconds(const ConvPlan& plan, const ConvData& data) {
  constexpr float never = std::numeric_limits<float>::infinity();
  if (plan.workspace > most_workspace) return never;
  // Not from the pool, which would keep what only a slower plan wanted.
  const std::unique_ptr<void, cudaError_t (*)(void*)> workspace(allocate(static_cast<size_t>(plan.workspace)),
                                                                cudaFree);
  if (plan.workspace > 0 && !workspace) return never;
  Event start, stop;
  for (int turn = 0; turn < 4; ++turn) {
    if (turn == 1) start.record();
    if (run(plan, data, workspace.get()) != CUDNN_STATUS_SUCCESS) {
      cudaGetLastError();  // else the next check would find it again
      return never;
    }
  }
  stop.record();
  return stop.milliseconds_since(start);
}

ConvPlan fastest_plan(const ConvKey& key, ConvData data) {
  std::vector<ConvPlan> plans = proposed_plans(key, 8);
  const Scratch<float> elsewhere(key.accumulate ? key.x.elements() : 0);  // the result must be added once
  if (key.accumulate) data.x = elsewhere.data();
  std::vector<float> times(plans.size(), std::numeric_limits<float>::infinity());
  for (int round = 0; round < 2; ++round) {  // in the first one the clock may still be low
    for (size_t i = 0; i < plans.size(); ++i) {
      times[i] = std::min(times[i], milliseconds(plans[i], data));
      // Which of two plans is faster can change from one process to the next, and the bits with it.
      if (key.math.deterministic && std::isfinite(times[i])) return std::move(plans[i]);
    }
  }
  const auto best = std::ranges::min_element(times);
  ENSURE(best != times.end() && std::isfinite(*best), "cudnn: no engine can compute ", describe(key));
  return std::move(plans[static_cast<size_t>(best - times.begin())]);
}

const ConvPlan& plan_of(const ConvKey& key, const ConvData& data) {
  static auto& plans = *new std::unordered_map<ConvKey, ConvPlan, ConvKeyHash>;  // never destroyed: cuDNN may be before
  const auto known = plans.find(key);
  if (known != plans.end()) return known->second;
  cudaStreamCaptureStatus capture;
  CUDA_CHECK(cudaStreamIsCapturing(stream(), &capture));
  ENSURE(capture == cudaStreamCaptureStatusNone, "cuda: ", describe(key),
         " is met for the first time in a capture; run one step before it");
  return plans.emplace(key, fastest_plan(key, data)).first->second;
}

/// Memory for one convolution at a time. Smaller blocks that served before are kept, because captured work may use
/// them; each is at least twice as large as the one before it.
void* workspace(int64_t bytes) {
  static auto& blocks = *new std::list<memory::Block>;  // never destroyed, like the pool
  const auto needed = static_cast<size_t>(bytes);
  if (needed == 0) return nullptr;
  if (blocks.empty() || blocks.back().bytes < needed) {
    const size_t size = std::max(needed, blocks.empty() ? size_t{32} << 20 : 2 * blocks.back().bytes);
    blocks.emplace_back(static_cast<int64_t>(size), Device::cuda);
  }
  return blocks.back().data;
}

}  // namespace

std::vector<ConvPlan> proposed_plans(const ConvKey& key, size_t most, const Descriptor* device) {
  std::vector<ConvPlan> plans;
  const Descriptor graph = graph_of(key, device);
  for (const auto mode : {CUDNN_HEUR_MODE_A, CUDNN_HEUR_MODE_FALLBACK}) {
    for (const Descriptor& config : engine_configs(graph, mode, device)) {
      if (plans.size() == most) return plans;
      if (!allowed(numerical_notes(config), key.math, key.type)) continue;
      Descriptor plan = plan_descriptor(config, device);
      if (!plan.try_finalize()) continue;
      const int64_t workspace = plan.integer(CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE);
      plans.push_back({std::move(plan), workspace});
    }
  }
  return plans;
}

void convolve(const ConvKey& key, const ConvData& data) {
  const ConvPlan& plan = plan_of(key, data);
  CUDNN_CHECK(run(plan, data, workspace(plan.workspace)), describe(key));
}

}  // namespace engine::cuda
