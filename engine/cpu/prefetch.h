#pragma once

#include <algorithm>
#include <cstdint>

#include "engine/cpu/vector.h"
#include "engine/parallel.h"
#include "engine/tensor.h"

namespace engine::cpu {

/// Memory that is needed soon, fetched into the cache while the processor multiplies, so that it need not wait for it
/// later. A processor keeps some twenty such requests and forgets what is asked beyond them: so it is asked for bit by
/// bit, a share at each of `calls` calls of next().
class Prefetch {
 public:
  enum class To { read, write };

  Prefetch() = default;

  /// The part of a tensor (..., c) that the items [begin, end) of n have, if they share its pixels out equally.
  Prefetch(const Tensor& tensor, int64_t begin, int64_t end, int64_t n, To use, int64_t calls)
      : Prefetch(tensor, begin, end, n, 0, tensor.shape().last(), use, calls) {}

  /// Only the channels [first, first + channels) of it.
  Prefetch(const Tensor& tensor, int64_t begin, int64_t end, int64_t n, int64_t first, int64_t channels, To use,
           int64_t calls)
      : use_(use) {
    const int64_t c = tensor.shape().last(), pixels = tensor.elements() / c;
    const int64_t from = pixels * std::min(begin, n) / n, count = pixels * std::min(end, n) / n - from;
    const bool whole = channels == c;  // then all pixels are one run of memory
    run_ = tensor.data() + from * c + first;
    stride_ = c;
    lines_ = divide_up((whole ? count : 1) * channels, line);
    left_ = (whole ? 1 : count) * lines_;
    share_ = divide_up(left_, calls);
  }

  void next() {
    const int64_t some = std::min(share_, left_);
    left_ -= some;
    for (int64_t i = 0; i < some; ++i) {
      if (use_ == To::write) __builtin_prefetch(run_ + at_ * line, 1);
      else __builtin_prefetch(run_ + at_ * line, 0);
      if (++at_ == lines_) at_ = 0, run_ += stride_;
    }
  }

 private:
  static constexpr int64_t line = 16;  // floats in a cache line

  const float* run_ = nullptr;  // runs of memory, `lines_` long and `stride_` floats apart
  int64_t lines_ = 0, stride_ = 0;
  int64_t at_ = 0;                // the next line of the run
  int64_t left_ = 0, share_ = 0;  // lines, of all and of a call
  To use_ = To::read;
};

/// What a thread whose chunk of parallel_for(n, grain) begins at `begin` will read of a tensor in its next one, which
/// is most likely the one after those that the others have now.
inline Prefetch next_chunk(const Tensor& tensor, int64_t begin, int64_t grain, int64_t n, int64_t calls) {
  const int64_t next = begin + threads() * grain;
  return {tensor, next, next + grain, n, Prefetch::To::read, calls};
}

/// What the weight gradient of a convolution will read of x and dy in its next block, the items [begin, end) of n.
class NextBlock {
 public:
  NextBlock(const Tensor& x, const Tensor& dy, int64_t begin, int64_t end, int64_t n, int64_t calls)
      : NextBlock({x, begin, end, n, Prefetch::To::read, calls}, {dy, begin, end, n, Prefetch::To::read, calls}) {}

  NextBlock(Prefetch x, Prefetch dy) : x_(x), dy_(dy) {}

  void next() {
    x_.next();
    dy_.next();
  }

 private:
  Prefetch x_, dy_;
};

}  // namespace engine::cpu
