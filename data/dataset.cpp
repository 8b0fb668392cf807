#include "data/dataset.h"

#include "engine/names.h"

namespace data {

const std::vector<DatasetEntry>& datasets() {
  static const std::vector<DatasetEntry> table{{"cifar10", cifar10}, {"cifar100", cifar100}, {"shapes", shapes}};
  return table;
}

Dataset load_dataset(const std::string& name, Split split, const DatasetOptions& options) {
  return engine::find_named(datasets(), "data set", name).load(split, options);
}

}  // namespace data
