#include "nn/networks.h"

#include "engine/names.h"

namespace nn {

const std::vector<NetworkEntry>& networks() {
  static const std::vector<NetworkEntry> table{
      {"linear", linear},       {"resnet18", resnet18}, {"resnet34", resnet34}, {"resnet50", resnet50},
      {"resnext50", resnext50}, {"resnet20", resnet20}, {"resnet32", resnet32}, {"resnet56", resnet56},
      {"wrn28-2", wrn28_2},     {"wrn28-8", wrn28_8},   {"wrn28-10", wrn28_10},
  };
  return table;
}

std::unique_ptr<Network> make_network(const std::string& name, const NetworkOptions& options) {
  return engine::find_named(networks(), "model", name).make(options);
}

}  // namespace nn
