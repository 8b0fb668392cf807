#include "nn/networks/residual.h"

namespace nn {

std::unique_ptr<Network> resnet18(const NetworkOptions& options) {
  return residual_network({.blocks = {2, 2, 2, 2}, .width = 64}, options);
}

std::unique_ptr<Network> resnet34(const NetworkOptions& options) {
  return residual_network({.blocks = {3, 4, 6, 3}, .width = 64}, options);
}

std::unique_ptr<Network> resnet50(const NetworkOptions& options) {
  return residual_network({.blocks = {3, 4, 6, 3}, .width = 64, .bottleneck = true}, options);
}

std::unique_ptr<Network> resnext50(const NetworkOptions& options) {
  return residual_network({.blocks = {3, 4, 6, 3}, .width = 64, .bottleneck = true, .groups = 32, .group_width = 4},
                          options);
}

}  // namespace nn
