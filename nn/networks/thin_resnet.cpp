#include "nn/networks/residual.h"

// The thin family that He et al. (2016) made for CIFAR: 6 n + 2 layers in three stages of 16, 32 and 64 channels. Where
// the paper's shortcut between stages has no weights, this one is a 1x1 convolution.
namespace nn {

std::unique_ptr<Network> resnet20(const NetworkOptions& options) {
  return residual_network({.blocks = {3, 3, 3}, .width = 16}, options);
}

std::unique_ptr<Network> resnet32(const NetworkOptions& options) {
  return residual_network({.blocks = {5, 5, 5}, .width = 16}, options);
}

std::unique_ptr<Network> resnet56(const NetworkOptions& options) {
  return residual_network({.blocks = {9, 9, 9}, .width = 16}, options);
}

}  // namespace nn
