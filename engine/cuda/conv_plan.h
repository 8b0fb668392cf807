#pragma once

#include <string>
#include <vector>

#include "engine/cuda/cudnn_graph.h"

namespace engine::cuda {

/// All that the best way to compute a convolution depends on.
struct ConvKey {
  ConvPass pass = ConvPass::forward;
  Shape x, weight, y;
  int64_t stride = 1, pad = 0, groups = 1;
  cudnnDataType_t type = CUDNN_DATA_FLOAT;
  bool accumulate = false;  // whether the result is added to what is there; backward data alone can
  GpuMath math;

  bool operator==(const ConvKey&) const = default;
};

/// Lets a key find its plan.
struct ConvKeyHash {
  size_t operator()(const ConvKey& key) const;
};

/// For errors: "conv2d backward data, x (128, 32, 32, 64), weight (64, 3, 3, 64), stride 1, pad 1, groups 1, float32".
std::string describe(const ConvKey& key);

/// Whether an engine with these notes computes as exactly as the settings ask.
bool allowed(const std::vector<cudnnBackendNumericalNote_t>& notes, const GpuMath& math,
             cudnnDataType_t type = CUDNN_DATA_FLOAT);

/// A way to compute a convolution, and the bytes it needs meanwhile.
struct ConvPlan {
  Descriptor descriptor;
  int64_t workspace;
};

/// The first plans of those that cuDNN proposes and that are allowed, in its order: for the GPU that is here, or for
/// another one that was described.
std::vector<ConvPlan> proposed_plans(const ConvKey& key, size_t most, const Descriptor* device = nullptr);

/// The memory of a convolution.
struct ConvData {
  void *x, *weight, *y;
};

/// Computes a convolution; by one thread at a time. The first call for a key looks for the fastest way, which takes a
/// while and cannot be captured.
void convolve(const ConvKey& key, const ConvData& data);

}  // namespace engine::cuda
