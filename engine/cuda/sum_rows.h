#pragma once

#include <algorithm>

#include "engine/cuda/scratch.h"
#include "engine/each.h"

namespace engine::cuda {

/// Sums up the rows of values (rows, c) and hands each column's sum on: finish(column, sum). Row 0 takes 1 to 63, 64
/// takes 65 to 127, ..., then what these came to is summed up, until one is left: the order depends on the number of
/// rows alone, so the bits are always the same. It changes the values.
template <class T, class Finish>
void sum_rows(T* values, int64_t rows, int64_t c, const Finish& finish) {
  constexpr int64_t part = 64;
  constexpr int ahead = 16;  // rows that are read before the first of them is added
  for (int64_t left = rows, stride = c; left > 0; stride *= part) {
    const int64_t groups = (left + part - 1) / part;
    each(groups * c, [=] DEMIX_DEVICE(int64_t i) {
      const int64_t group = static_cast<uint32_t>(i) / static_cast<uint32_t>(c), first = group * part;
      const int count = static_cast<int>(first + part < left ? part : left - first);
      T* row = values + first * stride + (i - group * c);
      T sum = row[0];
      for (int done = 1; done < count; done += ahead) {
        T next[ahead]{};
        for (int r = 0; r < ahead; ++r) {
          if (done + r < count) next[r] = row[(done + r) * stride];
        }
        for (int r = 0; r < ahead && done + r < count; ++r) sum = sum + next[r];
      }
      if (groups == 1) finish(i, sum);
      else row[0] = sum;
    });
    left = groups > 1 ? groups : 0;
  }
}

/// How many threads share the rows of a column when they sum: enough to keep a GPU busy, with 8 to 512 rows for each.
inline int64_t lanes_to_sum(int64_t rows, int64_t columns) {
  constexpr int64_t enough = int64_t{1} << 16;
  return std::clamp(enough / columns, (rows + 511) / 512, (rows + 7) / 8);
}

}  // namespace engine::cuda
