#pragma once

#include <algorithm>

#include "engine/tensor.h"

namespace engine::cpu {

/// Memory that is needed soon, fetched bit by bit into the second-level cache while the processor multiplies, so that
/// it need not wait for it later.
class Prefetch {
 public:
  enum class To { read, write };

  Prefetch() = default;

  /// What the items [begin, end) of n have of a tensor, if they share its memory out in equal parts.
  Prefetch(const Tensor& tensor, int64_t begin, int64_t end, int64_t n, To use)
      : begin_(tensor.data() + tensor.elements() * std::min(begin, n) / n),
        lines_((tensor.data() + tensor.elements() * std::min(end, n) / n - begin_) / line),
        use_(use) {}

  /// Asks for the part-th of `parts` parts.
  void fetch(int64_t part, int64_t parts) const {
    for (int64_t i = lines_ * part / parts; i < lines_ * (part + 1) / parts; ++i) {
      if (use_ == To::write) __builtin_prefetch(begin_ + i * line, 1, 2);
      else __builtin_prefetch(begin_ + i * line, 0, 2);
    }
  }

 private:
  static constexpr int64_t line = 16;  // floats in a cache line

  const float* begin_ = nullptr;
  int64_t lines_ = 0;
  To use_ = To::read;
};

}  // namespace engine::cpu
