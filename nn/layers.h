#pragma once

#include "engine/ops.h"
#include "engine/rng.h"
#include "nn/module.h"

namespace nn {

/// Convolution without bias. Weights are drawn as He et al. (2015) do for ReLU: normal, variance 2 / (oc kh kw).
class Conv2d : public Module {
 public:
  struct Options {
    int64_t ic, oc, kernel = 3, stride = 1, pad = 1, groups = 1;
  };
  Conv2d(const Options& options, engine::Rng& rng);
  engine::Variable forward(const engine::Variable& x, Mode mode) override;
  void collect(const std::string& name, State& state) const override;

 private:
  engine::Conv2dSpec spec_;
  engine::Variable weight_;
};

/// Of a batch norm and of the ReLU after it; the defaults are PyTorch's.
struct NormOptions {
  float eps = 1e-5f, momentum = 0.1f;
  float leak = 0;  // share of negative numbers that the ReLU lets through
};

/// Batch normalisation as PyTorch does it, with the unbiased running variance.
class BatchNorm : public Module {
 public:
  explicit BatchNorm(int64_t channels, const NormOptions& options = {}, float gamma = 1);
  engine::Variable forward(const engine::Variable& x, Mode mode) override;
  /// relu(batch norm(x) + residual), in one op; without a residual relu(batch norm(x)).
  engine::Variable forward_relu(const engine::Variable& x, Mode mode, const engine::Variable& residual = {});
  void collect(const std::string& name, State& state) const override;

 private:
  NormOptions options_;
  engine::Variable gamma_, beta_;
  engine::Tensor running_mean_, running_var_;
};

/// Fully connected layer, (n, ic) to (n, oc); weights and bias uniform within 1 / sqrt(ic), PyTorch's default.
class Linear : public Module {
 public:
  Linear(int64_t ic, int64_t oc, engine::Rng& rng);
  engine::Variable forward(const engine::Variable& x, Mode mode) override;
  void collect(const std::string& name, State& state) const override;

 private:
  engine::Variable weight_, bias_;
};

}  // namespace nn
