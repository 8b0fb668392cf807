#pragma once

#include <memory>
#include <vector>

#include "nn/layers.h"
#include "nn/networks.h"

namespace nn {

/// What makes one residual network of basic blocks differ from another: blocks in each stage and channels of the first;
/// every later stage halves the picture and doubles the channels.
struct ResidualLayout {
  std::vector<int> blocks;
  int64_t width;
};

/// Residual network (He et al., 2016) of basic blocks with the stem for small pictures: one 3x3 convolution, no max
/// pooling. A shortcut that changes shape is a 1x1 convolution with batch norm.
std::unique_ptr<Module> residual_network(const ResidualLayout& layout, const NetworkOptions& options);

}  // namespace nn
