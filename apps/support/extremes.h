#pragma once

#include <cstdint>
#include <vector>

#include "data/loader.h"

namespace apps {

/// The pictures that a network gets right with the highest probability, and those with the highest cross entropy. It
/// is shown a data set batch by batch; of equal pictures it keeps the earlier.
class Extremes {
 public:
  /// A picture and what the network made of it; a NaN among its logits makes both probabilities NaN.
  struct Example {
    std::vector<uint8_t> pixels;  // (size, size, 3)
    int label, guess;
    double label_probability, guess_probability;
    double log_probability;  // of the label, for the order: a NaN counts as -infinity
  };

  /// Keeps up to `most` of each, of pictures that were normalised so.
  explicit Extremes(const data::Normalization& normalization, size_t most = 16)
      : most_(most), normalization_(normalization) {}

  /// Logits (n, classes) of a batch.
  void add(const data::Batch& batch, const engine::Tensor& logits);

  const std::vector<Example>& best() const { return best_; }    // surest first
  const std::vector<Example>& worst() const { return worst_; }  // worst first

 private:
  size_t most_;
  data::Normalization normalization_;
  std::vector<Example> best_, worst_;
};

}  // namespace apps
