#pragma once

#include <algorithm>
#include <utility>

#include "engine/cuda/scratch.h"
#include "engine/each.h"

namespace engine::cuda {

/// Merges the rows of values (rows, c) into the first one, column by column: row 0 with 1 to 31, 32 with 33 to 63, ...,
/// then what these came to, until one is left. The order depends on the number of rows alone, so the bits are always
/// the same.
template <class T, class Merge>
void merge_rows(T* values, int64_t rows, int64_t c, const Merge& merge) {
  constexpr int64_t together = 32;
  constexpr int ahead = 8;  // rows that are read before the first of them is merged
  for (int64_t step = 1; step < rows; step *= together) {
    const int64_t left = (rows + step - 1) / step, groups = (left + together - 1) / together, stride = step * c;
    each(groups * c, [=] DEMIX_DEVICE(int64_t i) {
      const int64_t group = static_cast<uint32_t>(i) / static_cast<uint32_t>(c), first = group * together;
      const int count = static_cast<int>(first + together < left ? together : left - first);
      T* row = values + first * stride + (i - group * c);
      T sum = row[0];
      for (int done = 1; done < count; done += ahead) {
        T next[ahead]{};
        for (int r = 0; r < ahead; ++r) {
          if (done + r < count) next[r] = row[(done + r) * stride];
        }
        for (int r = 0; r < ahead && done + r < count; ++r) sum = merge(sum, next[r]);
      }
      row[0] = sum;
    });
  }
}

struct Add {
  template <class T>
  DEMIX_HOST_DEVICE T operator()(const T& a, const T& b) const {
    return a + b;
  }
};

/// How many threads share the rows of a column when they sum: enough to keep a GPU busy, with 8 to 512 rows for each.
inline int64_t lanes_to_sum(int64_t rows, int64_t columns) {
  constexpr int64_t enough = int64_t{1} << 16;
  return std::clamp(enough / columns, (rows + 511) / 512, (rows + 7) / 8);
}

}  // namespace engine::cuda
