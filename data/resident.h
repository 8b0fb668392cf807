#pragma once

#include "data/dataset.h"
#include "engine/tensor.h"

namespace data {

/// A data set in the memory of the GPU, which prepares its pictures there: bit for bit as prepare() does.
class Resident {
 public:
  /// Bytes of the GPU that it takes; 0 where it cannot be: where pictures are files, or are resized.
  static int64_t bytes(const Dataset& dataset, const Augmentation& augmentation);

  Resident(const Dataset& dataset, const Augmentation& augmentation);

  /// The samples of an epoch, in their order.
  void set_order(const std::vector<int>& order);

  /// Pictures (count, size, size, 3) of the samples from place `first` of the order on, augmented by a seed and epoch.
  engine::Tensor images(int64_t first, int64_t count, uint64_t seed, uint32_t epoch) const;

 private:
  int64_t size_;
  Augmentation augmentation_;
  engine::Tensor pixels_, order_;  // of bytes; of ints
  engine::Tensor values_;          // (257, 3): what becomes of every byte, and of a black border
};

}  // namespace data
