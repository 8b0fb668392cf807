#pragma once

#include <memory>
#include <vector>

#include "nn/layers.h"
#include "nn/networks.h"

namespace nn {

/// What makes one residual network differ from another: blocks in each stage and channels of the first; every later
/// stage halves the picture and doubles the channels. A bottleneck has four times as many channels outside as its
/// stage, and inside, of every 64 of its stage, groups x group_width (Xie et al., 2017).
struct ResidualLayout {
  std::vector<int> blocks;
  int64_t width;
  bool bottleneck = false;
  int64_t groups = 1, group_width = 64;
};

/// Residual network (He et al., 2016) of basic blocks or bottlenecks. A shortcut that changes shape is a 1x1
/// convolution with batch norm.
std::unique_ptr<Network> residual_network(const ResidualLayout& layout, const NetworkOptions& options);

}  // namespace nn
