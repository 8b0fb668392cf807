#pragma once

#include <algorithm>
#include <array>

#include "engine/cpu/conv.h"
#include "engine/cpu/gather.h"
#include "engine/cpu/winograd_stride1.h"
#include "engine/cpu/winograd_stride2.h"

// What the passes of Winograd's filtering have in common: the tiles of images, where their pixels are, and how they lie
// in memory once they are transformed. winograd.cpp explains the whole.
namespace engine::cpu::winograd {

constexpr int tile_size = 4;          // of the convolution's output
constexpr int64_t filter_count = 36;  // of transformed filters

/// A position of a transformed tile: which filter it is multiplied with, and whether it is the first with that one.
struct Position {
  int64_t filter;
  bool first;
};

/// The positions for a stride, row by row.
template <class Stride>
constexpr auto position_table = [] {
  constexpr int64_t products = Stride::products;
  std::array<Position, products * products> table{};
  std::array<bool, filter_count> met{};
  for (size_t p = 0; p < table.size(); ++p) {
    const int filter = Stride::filter_of(p / products) * Stride::Filter::out + Stride::filter_of(p % products);
    table[p] = {filter, !met[static_cast<size_t>(filter)]};
    met[static_cast<size_t>(filter)] = true;
  }
  return table;
}();

template <class Stride>
constexpr int64_t positions = position_table<Stride>.size();

/// Calls run.template operator()<Stride>().
template <class Run>
void with_stride(int64_t stride, Run run) {
  if (stride == 1) run.template operator()<Stride1>();
  else run.template operator()<Stride2>();
}

/// The 4x4 tiles of an output (n, oh, ow, oc), counted image by image and row by row.
struct Tiles {
  explicit Tiles(const Shape& y)
      : rows(divide_up(y[1], tile_size)), columns(divide_up(y[2], tile_size)), count(y[0] * rows * columns) {}

  Walk from(int64_t tile) const { return {tile, rows, columns}; }

  int64_t rows, columns, count;
};

/// Finds the Size x Size pixels of a tile in images of a shape; `outside` stands for those beyond the image. Tiles lie
/// `step` pixels apart, and the first begins `pad` pixels before the image.
template <int Size, class Float>
class Pixels {
 public:
  Pixels(Float* images, const Shape& shape, int64_t step, int64_t pad, Float* outside)
      : step_(step), pad_(pad), images_(images), shape_(shape), outside_(outside) {
    for (int64_t i = 0; i < Size * Size; ++i) offsets_[i] = (i / Size * shape[2] + i % Size) * shape[3];
  }

  void go_to(const Walk& at) {
    const int64_t h = shape_[1], w = shape_[2], y0 = at.y * step_ - pad_, x0 = at.x * step_ - pad_;
    Float* corner = images_ + ((at.image * h + y0) * w + x0) * shape_[3];
    for (int k = 0; k < Size * Size; ++k) pointers_[k] = corner + offsets_[k];
    for (int i = 0; i < Size; ++i) {
      if (y0 + i >= 0 && y0 + i < h) continue;
      for (int j = 0; j < Size; ++j) pointers_[i * Size + j] = outside_;
    }
    for (int j = 0; j < Size; ++j) {
      if (x0 + j >= 0 && x0 + j < w) continue;
      for (int i = 0; i < Size; ++i) pointers_[i * Size + j] = outside_;
    }
  }

  Float* operator()(int i, int j) const { return pointers_[i * Size + j]; }

 private:
  int64_t step_, pad_;
  Float* images_;
  Shape shape_;
  Float* outside_;
  int64_t offsets_[Size * Size];
  Float* pointers_[Size * Size];
};

/// Matrices (rows, columns), one for each position, stored in panels of columns: (position, panel, row, column). The
/// 16 floats after each keep positions off powers of two, which would compete for the same cache lines.
struct Planes {
  Planes(int64_t count, int64_t rows, int64_t columns, int64_t panel)
      : rows(rows), columns(columns), panel(panel), size(rows * columns + 16), memory({count, size}) {}

  /// Row `row` of the panel that begins at column `begin`.
  float* at(int64_t position, int64_t row, int64_t begin) {
    return memory.data() + position * size + begin * rows + row * width(begin);
  }
  const float* at(int64_t position, int64_t row, int64_t begin) const {
    return memory.data() + position * size + begin * rows + row * width(begin);
  }
  int64_t width(int64_t begin) const { return std::min(panel, columns - begin); }

  int64_t rows, columns, panel, size;
  Tensor memory;
};

/// Writes the transformed tiles [begin, end) of x to the rows of `planes` from `row` on.
template <class Map>
void transform_tiles(const Tiles& tiles, const Tensor& x, int64_t step, int64_t pad, int64_t begin, int64_t end,
                     Planes& planes, int64_t row) {
  const int64_t c = x.shape()[3], size = planes.size;
  Pixels<Map::in, const float> pixels(x.data(), x.shape(), step, pad, zeros(c));
  Walk at = tiles.from(begin);
  for (int64_t tile = begin; tile < end; ++tile, ++row, at.next()) {
    pixels.go_to(at);
    for (int64_t panel = 0; panel < c; panel += planes.panel) {
      float* to = planes.at(0, row, panel);
      for (int64_t k = 0; k < planes.width(panel); k += lanes) {
        transform<Map>([&](int i, int j) { return load(pixels(i, j) + panel + k); },
                       [&](int i, int j, Vector value) { store(to + (i * Map::out + j) * size + k, value); });
      }
    }
  }
}

}  // namespace engine::cpu::winograd
