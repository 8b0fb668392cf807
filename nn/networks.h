#pragma once

#include <memory>
#include <string>
#include <vector>

#include "nn/layers.h"

namespace nn {

/// How a residual network begins: with a 3x3 convolution for small pictures, or with a 7x7 one of stride 2 and max
/// pooling for large ones (He et al., 2016).
enum class Stem { cifar, imagenet };

/// What a network is built for: square images (n, size, size, channels), rows of `classes` logits.
struct NetworkOptions {
  int64_t classes = 10, size = 32, channels = 3;
  uint64_t seed = 0;  // of the initial weights
  Stem stem = Stem::cifar;
  NormOptions norm = {};
  bool zero_init_last = false;  // each residual block starts as its shortcut: its last batch norm's weights are zero
};

/// A row of the table of networks.
struct NetworkEntry {
  const char* name;
  std::unique_ptr<Network> (*make)(const NetworkOptions& options);
};

/// Every network that can be built, by name.
const std::vector<NetworkEntry>& networks();

/// Builds a network; an Error lists the names where there is none such.
std::unique_ptr<Network> make_network(const std::string& name, const NetworkOptions& options);

// nn/networks/linear.cpp
std::unique_ptr<Network> linear(const NetworkOptions& options);

// nn/networks/resnet.cpp
std::unique_ptr<Network> resnet18(const NetworkOptions& options);
std::unique_ptr<Network> resnet34(const NetworkOptions& options);
std::unique_ptr<Network> resnet50(const NetworkOptions& options);
std::unique_ptr<Network> resnext50(const NetworkOptions& options);  // 32x4d

// nn/networks/thin_resnet.cpp
std::unique_ptr<Network> resnet20(const NetworkOptions& options);
std::unique_ptr<Network> resnet32(const NetworkOptions& options);
std::unique_ptr<Network> resnet56(const NetworkOptions& options);

// nn/networks/wide_resnet.cpp
std::unique_ptr<Network> wrn28_2(const NetworkOptions& options);
std::unique_ptr<Network> wrn28_8(const NetworkOptions& options);
std::unique_ptr<Network> wrn28_10(const NetworkOptions& options);

}  // namespace nn
