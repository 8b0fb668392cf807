#pragma once

#include <algorithm>

#include "engine/cpu/cache.h"

// The inner loops of every convolution: a tile of the result, small enough to live in registers while its sum runs.
//
//   gather_product      c (R, V lanes)  =  a (R, depth)  b (depth, V lanes)     rows of a found by pointers
//   outer_products      c (R, V lanes)  =  a^T (R, depth)  b (depth, V lanes), or added to c
//
// One step of depth loads V vectors of b and R scalars of a and does R V multiply-adds. With 32 registers R V = 24
// sums, V vectors of b and one broadcast fit, and 24 multiply-adds need 10 to 14 loads: the multiply-adds set the pace.
namespace engine::cpu {

#if defined(__AVX512F__)
constexpr int max_vectors = 4;
constexpr int tile_rows(int vectors) { return vectors == 4 ? 6 : vectors == 3 ? 8 : 12; }
#else
constexpr int max_vectors = 2;
constexpr int tile_rows(int vectors) { return vectors == 2 ? 6 : 12; }
#endif

/// A multiple of every tile_rows(): tiles over so many rows never reach beyond them.
constexpr int64_t whole_tiles = 24;

/// Result columns that one panel of b covers.
constexpr int64_t panel_width = max_vectors * lanes;

/// The columns [begin, begin + count) of a result, as `vectors` vectors of which the last may be partly beyond them.
struct Panel {
  int64_t begin, count;
  int vectors;

  Panel(int64_t index, int64_t columns)
      : begin(index * panel_width),
        count(std::min(panel_width, columns - begin)),
        vectors(static_cast<int>(divide_up(count, lanes))) {}

  int64_t width() const { return vectors * lanes; }
  static int64_t number(int64_t columns) { return divide_up(columns, panel_width); }
};

/// Calls run.template operator()<V>() with V = vectors, so that V is known where the code is compiled.
template <class Run>
void with_vectors(int vectors, Run run) {
  if (vectors == 1) return run.template operator()<1>();
  if (vectors == 2) return run.template operator()<2>();
  if constexpr (max_vectors == 4) {
    if (vectors == 3) return run.template operator()<3>();
    run.template operator()<4>();
  }
}

/// One step of depth: sum[r][v] += a(r) times vector v of b.
template <int R, int V, class A>
inline void multiply_add(Vector (&sum)[R][V], A a, const float* b) {
  Vector right[V];
#pragma GCC unroll 4
  for (int v = 0; v < V; ++v) right[v] = load(b + v * lanes);
#pragma GCC unroll 16
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) sum[r][v] += a(r) * right[v];
  }
}

/// c(r, v)[0, lanes) = sum over taps t and k < depth of a(t, r)[k] b(t)[(k V + v) lanes + ...], for every r <
/// tile_rows(V) and v < V.
template <int V, class A, class B, class C>
inline void gather_product(int64_t taps, int64_t depth, A a, B b, C c, Write write = Write::over) {
  constexpr int R = tile_rows(V);
  Vector sum[R][V];
#pragma GCC unroll 16
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) sum[r][v] = Vector{};
  }
  for (int64_t t = 0; t < taps; ++t) {
    const float* row[R];
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) row[r] = a(t, r);
    const float* panel = b(t);
    for (int64_t k = 0; k < depth; ++k, panel += V * lanes) {
      multiply_add(
          sum, [&](int r) { return row[r][k]; }, panel);
    }
  }
#pragma GCC unroll 16
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) store(c(r, v), sum[r][v], write);
  }
}

/// c (R, V lanes) = sum over k < depth of a[k a_stride + r] b[k b_stride, ...), with V vectors of b from there on; with
/// accumulate, added to c.
template <int R, int V>
inline void outer_products(int64_t depth, const float* a, int64_t a_stride, const float* b, int64_t b_stride, float* c,
                           bool accumulate) {
  constexpr int64_t stride = V * lanes;
  Vector sum[R][V];
#pragma GCC unroll 16
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) sum[r][v] = accumulate ? load(c + r * stride + v * lanes) : Vector{};
  }
  for (int64_t k = 0; k < depth; ++k, a += a_stride, b += b_stride)
    multiply_add(
        sum, [&](int r) { return a[r]; }, b);
#pragma GCC unroll 16
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) store(c + r * stride + v * lanes, sum[r][v]);
  }
}

/// Rows of a^T that are best stored side by side: several tiles high, and few enough for the first-level cache.
constexpr int64_t strip_rows = 3 * lanes;

/// outer_products works on multiples of so many rows.
constexpr int64_t row_quantum = 2;

/// outer_products for any even number of rows, a tile of them at a time; calls before() ahead of each tile.
template <int V, class Before>
inline void outer_products(int64_t rows, int64_t depth, const float* a, int64_t a_stride, const float* b,
                           int64_t b_stride, float* c, bool accumulate, Before before) {
  constexpr int R = lanes == 16 && V == 2 ? 8 : lanes == 16 || V == 1 ? 6 : 4;
  constexpr int64_t width = V * lanes;
  int64_t r = 0;
  const auto tile = [&]<int Rows>() {
    before();
    outer_products<Rows, V>(depth, a + r, a_stride, b, b_stride, c + r * width, accumulate);
    r += Rows;
  };
  while (r + R <= rows && (R != 6 || rows - r != 8)) tile.template operator()<R>();
  while (r + 4 <= rows) tile.template operator()<4>();
  while (r < rows) tile.template operator()<2>();
}

}  // namespace engine::cpu
