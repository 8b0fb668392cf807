#include "data/dataset.h"

#include "engine/names.h"

namespace data {

const std::vector<DatasetEntry>& datasets() {
  static const std::vector<DatasetEntry> table{{"cifar10", Family::cifar, cifar10},
                                               {"cifar100", Family::cifar, cifar100},
                                               {"tiny-imagenet", Family::tiny_imagenet, tiny_imagenet},
                                               {"shapes", Family::cifar, shapes}};
  return table;
}

Family family_of(const std::string& name) { return engine::find_named(datasets(), "data set", name).family; }

Dataset load_dataset(const std::string& name, Split split, const DatasetOptions& options) {
  return engine::find_named(datasets(), "data set", name).load(split, options);
}

}  // namespace data
