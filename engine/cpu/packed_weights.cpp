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
      // In blocks that leave both sides in cache, since one of them is read or written across its rows.
      for (int64_t block = 0; block < depth_; block += lanes) {
        const int64_t stop = std::min(depth_, block + lanes);
        for (int64_t j = 0; j < panel.width(); ++j) {
          for (int64_t k = block; k < stop; ++k) {
            to[k * panel.width() + j] = j < panel.count ? from[k * by_depth + j * by_column] : 0;
          }
        }
      }
    }
  });
}

}  // namespace engine::cpu
