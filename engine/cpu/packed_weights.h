#pragma once

#include "engine/cpu/tile.h"
#include "engine/tensor.h"

namespace engine::cpu {

/// The weights (oc, kh, kw, ic / groups) of a convolution, laid out as the right-hand sides of its products: for every
/// group and panel of result columns, for every tap of the kernel, a row of panel columns for every step of depth.
/// Columns beyond the last are zeros.
class PackedWeights {
 public:
  enum class For {
    forward,       // columns are output channels, depth runs over input channels
    backward_data  // columns are input channels, depth runs over output channels
  };
  PackedWeights(const Tensor& weight, int64_t groups, For use);

  int64_t depth() const { return depth_; }
  int64_t columns() const { return columns_; }
  int64_t panels() const { return Panel::number(columns_); }
  Panel panel(int64_t index) const { return {index, columns_}; }

  /// (depth, panel width)
  const float* tap(int64_t group, int64_t panel, int64_t tap) const {
    return data_.data() + group * group_size() + taps_ * depth_ * panel * panel_width +
           tap * depth_ * Panel(panel, columns_).width();
  }

 private:
  int64_t group_size() const { return taps_ * depth_ * round_up(columns_, lanes); }

  int64_t taps_, depth_, columns_;
  Tensor data_;
};

}  // namespace engine::cpu
