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
  for (int64_t step = 1; step < rows; step *= together) {
    const int64_t left = (rows + step - 1) / step, groups = (left + together - 1) / together;
    each(groups * c, [=] DEMIX_DEVICE(int64_t i) {
      const int64_t first = i / c * together, last = first + together < left ? first + together : left, k = i % c;
      T sum = values[first * step * c + k];
      for (int64_t row = first + 1; row < last; ++row) sum = merge(sum, values[row * step * c + k]);
      values[first * step * c + k] = sum;
    });
  }
}

struct Add {
  template <class T>
  DEMIX_HOST_DEVICE T operator()(const T& a, const T& b) const {
    return a + b;
  }
};

/// How many rows make a part of `rows`, so that parts of c columns keep a GPU busy.
inline int64_t rows_per_part(int64_t rows, int64_t c) {
  constexpr int64_t enough = int64_t{1} << 18;
  int64_t part = 8;
  while (part < 512 && (rows + part - 1) / part * c > enough) part *= 2;
  return part;
}

}  // namespace engine::cuda
