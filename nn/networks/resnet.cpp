#include "nn/networks/residual.h"

namespace nn {

std::unique_ptr<Module> resnet18(const NetworkOptions& options) {
  return residual_network({.blocks = {2, 2, 2, 2}, .width = 64}, options);
}

}  // namespace nn
