#include "data/dataset.h"

#include <algorithm>
#include <cmath>

#include "engine/error.h"
#include "engine/names.h"
#include "engine/rng.h"

namespace data {

const std::vector<DatasetEntry>& datasets() {
  static const std::vector<DatasetEntry> table{
      {"cifar10", Family::cifar, cifar10},
      {"cifar100", Family::cifar, cifar100},
      {"cifar100-coarse", Family::cifar, cifar100_coarse},
      {"tiny-imagenet", Family::tiny_imagenet, tiny_imagenet},
      {"folder", Family::imagenet, folder},
      {"cub200", Family::fine_grained, cub200},
      {"aircraft", Family::fine_grained, aircraft},
      {"cars", Family::fine_grained, cars},
      {"shapes", Family::cifar, shapes},
  };
  return table;
}

Family family_of(const std::string& name) { return engine::find_named(datasets(), "data set", name).family; }

Dataset load_dataset(const std::string& name, Split split, const DatasetOptions& options) {
  Dataset dataset = engine::find_named(datasets(), "data set", name).load(split, options);
  std::vector<bool> shown(dataset.classes.size());
  for (const int label : dataset.labels) shown[static_cast<size_t>(label)] = true;
  const auto empty = std::find(shown.begin(), shown.end(), false);
  if (empty != shown.end()) {
    engine::fail(name, ": class '", dataset.classes[static_cast<size_t>(empty - shown.begin())], "' has no ",
                 split == Split::train ? "training" : "test", " images",
                 dataset.skipped.empty() ? "" : " that can be read");
  }
  return dataset;
}

void keep_fraction(Dataset& dataset, double fraction, uint64_t seed) {
  ENSURE(fraction > 0 && fraction <= 1, "the share of the pictures to keep, ", fraction, ", is not in (0, 1]");
  std::vector<std::vector<int>> members(dataset.classes.size());
  for (size_t i = 0; i < dataset.labels.size(); ++i) {
    members[static_cast<size_t>(dataset.labels[i])].push_back(static_cast<int>(i));
  }
  std::vector<int> kept;
  for (size_t k = 0; k < members.size(); ++k) {
    const auto count = static_cast<int>(members[k].size());
    if (count == 0) continue;
    engine::Rng rng(seed, engine::Purpose::label_split, 0, static_cast<uint32_t>(k));
    const std::vector<int> order = rng.permutation(count);
    const auto keep = std::clamp<long>(std::lround(fraction * count), 1, count);
    for (long i = 0; i < keep; ++i) kept.push_back(members[k][static_cast<size_t>(order[static_cast<size_t>(i)])]);
  }
  std::sort(kept.begin(), kept.end());

  const auto bytes = dataset.size * dataset.size * 3;
  for (size_t to = 0; to < kept.size(); ++to) {  // never before where they come from
    const auto from = static_cast<size_t>(kept[to]);
    dataset.labels[to] = dataset.labels[from];
    if (from == to) continue;
    if (!dataset.files.empty()) dataset.files[to] = std::move(dataset.files[from]);
    else std::copy_n(dataset.picture(kept[to]), bytes, dataset.pixels.begin() + static_cast<int64_t>(to) * bytes);
  }
  dataset.labels.resize(kept.size());
  dataset.sizes.clear();
  if (!dataset.files.empty()) dataset.files.resize(kept.size());
  else dataset.pixels.resize(kept.size() * static_cast<size_t>(bytes));
  dataset.pixels.shrink_to_fit();
}

}  // namespace data
