#include "engine/cpu/packed_weights.h"

#include "engine/parallel.h"

namespace engine::cpu {

PackedWeights::PackedWeights(const Tensor& weight, int64_t groups, For use) {
  const Shape& shape = weight.shape();
  const int64_t oc = shape[0] / groups, ic = shape[3];
  taps_ = shape[1] * shape[2];
  depth_ = use == For::forward ? ic : oc;
  columns_ = use == For::forward ? oc : ic;
  data_ = Tensor({groups, group_size()});

  // How far apart neighbours are in `weight`.
  const int64_t filter = taps_ * ic;
  const int64_t by_depth = use == For::forward ? 1 : filter, by_column = use == For::forward ? filter : 1;
  parallel_for(groups * panels() * taps_, 1, [&](int64_t begin, int64_t end) {
    for (int64_t task = begin; task < end; ++task) {
      const int64_t tap = task % taps_, index = task / taps_ % panels(), group = task / taps_ / panels();
      const Panel panel(index, columns_);
      const float* from = weight.data() + group * oc * filter + tap * ic + panel.begin * by_column;
      float* to = data_.data() + (this->tap(group, index, tap) - data_.data());
      for (int64_t k = 0; k < depth_; k += lanes) {
        for (int64_t j = 0; j < panel.width(); j += lanes) {
          if (k + lanes <= depth_ && j + lanes <= panel.count) {
            Vector block[lanes];
            const int64_t by_row = std::max(by_depth, by_column);  // the other one is 1
            for (int64_t r = 0; r < lanes; ++r) block[r] = load(from + k * by_depth + j * by_column + r * by_row);
            if (use == For::forward) transpose(block);
            for (int64_t r = 0; r < lanes; ++r) store(to + (k + r) * panel.width() + j, block[r]);
          } else {
            for (int64_t r = k; r < std::min(depth_, k + lanes); ++r) {
              for (int64_t c = j; c < j + lanes; ++c) {
                to[r * panel.width() + c] = c < panel.count ? from[r * by_depth + c * by_column] : 0;
              }
            }
          }
        }
      }
    }
  });
}

}  // namespace engine::cpu
