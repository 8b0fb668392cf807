#pragma once

#include <algorithm>
#include <array>
#include <cstddef>

#include "engine/cpu/vector.h"

// How a tile of vectors is transformed by Winograd's filtering, which winograd.cpp explains: each of its columns by a
// linear map, then each row of the result by the same map. Most maps are products with a small matrix.
namespace engine::cpu::winograd {

template <int Rows, int Cols>
using Matrix = std::array<std::array<float, Cols>, Rows>;

template <int Rows, int Cols>
constexpr Matrix<Cols, Rows> transpose(const Matrix<Rows, Cols>& m) {
  Matrix<Cols, Rows> t{};
  for (int i = 0; i < Rows; ++i) {
    for (int j = 0; j < Cols; ++j) t[j][i] = m[i][j];
  }
  return t;
}

/// The sum of factors[j] / unit in(j) over j = first, first + step, ...; the compiler writes it out. Factors 0 cost
/// nothing, and a factor 1 saves a multiplication where the sum begins with it.
template <size_t Count, class In>
inline Vector weighted_sum(const std::array<float, Count>& factors, size_t first, size_t step, float unit, In in) {
  Vector sum{};
  bool empty = true;
#pragma GCC unroll 6
  for (size_t j = first; j < Count; j += step) {
    if (factors[j] != unit) continue;
    sum = empty ? in(j) : sum + in(j);
    empty = false;
  }
#pragma GCC unroll 6
  for (size_t j = first; j < Count; j += step) {
    if (factors[j] == 0 || factors[j] == unit) continue;
    sum = empty ? factors[j] / unit * in(j) : sum + factors[j] / unit * in(j);
    empty = false;
  }
  return sum;
}

/// Whether the rows of every pair differ in the sign of their odd numbers alone; pairs begin at row `first`.
template <int Rows, int Cols>
constexpr bool in_pairs(const Matrix<Rows, Cols>& m, int first) {
  for (int i = first; i + 2 < Rows; i += 2) {
    for (int j = 0; j < Cols; ++j) {
      if (m[i + 1][j] != (j % 2 == 0 ? m[i][j] : -m[i][j])) return false;
    }
  }
  return true;
}

/// to(i, sum over j of M[i][j] in(j)), where M evaluates a polynomial at pairs of points p, -p: M is tall, with one row
/// a point, or it is the transpose of such a matrix. The point 0 comes first, if it is there, then the pairs, then
/// "infinity". The rows (or columns) of a pair differ in the sign of their odd numbers alone, so that even and odd
/// parts are computed once.
template <int Rows, int Cols, const Matrix<Rows, Cols>& M>
struct Product {
  static constexpr int in = Cols, out = Rows;

  template <class In, class To>
  static void apply(In in, To to) {
    constexpr size_t points = std::max(Rows, Cols), first = points % 2 == 0 ? 1 : 0, pairs = (points - 1) / 2;
    if constexpr (Rows == points) {
      static_assert(in_pairs<Rows, Cols>(M, first));
      if constexpr (first == 1) to(0, weighted_sum(M[0], 0, 2, 1, in));
      to(Rows - 1, weighted_sum(M[Rows - 1], (Cols - 1) % 2, 2, 1, in));
#pragma GCC unroll 2
      for (size_t i = first; i < first + 2 * pairs; i += 2) {
        const float unit = M[i][Cols <= 3 ? 1 : 3];  // a row's odd part is a multiple of a shorter sum
        const Vector even = weighted_sum(M[i], 0, 2, 1, in), odd = weighted_sum(M[i], 1, 2, unit, in);
        to(i, even + unit * odd);
        to(i + 1, even - unit * odd);
      }
    } else {
      static_assert(in_pairs<Cols, Rows>(transpose<Rows, Cols>(M), first));
      constexpr size_t count = first + pairs + 1;
      Vector sums[count], differences[count];
      if constexpr (first == 1) sums[0] = differences[0] = in(0);
#pragma GCC unroll 2
      for (size_t k = first; k < first + pairs; ++k) {
        sums[k] = in(2 * k - first) + in(2 * k - first + 1);
        differences[k] = in(2 * k - first) - in(2 * k - first + 1);
      }
      sums[count - 1] = differences[count - 1] = in(points - 1);
#pragma GCC unroll 4
      for (size_t i = 0; i < Rows; ++i) {
        std::array<float, count> factors{};
        for (size_t k = 0; k < count; ++k) factors[k] = M[i][k < first ? 0 : 2 * k - first];
        to(i, weighted_sum(factors, 0, 1, 1, [&](size_t k) { return i % 2 == 0 ? sums[k] : differences[k]; }));
      }
    }
  }
};

/// to(i, j, ...) of the tile from(j, k) of Map::in x Map::in vectors, its columns and then its rows mapped.
template <class Map, class From, class To>
inline void transform(From from, To to) {
  Vector half[Map::out][Map::in];
#pragma GCC unroll 9
  for (int k = 0; k < Map::in; ++k) {
    Vector column[Map::in];
#pragma GCC unroll 9
    for (int j = 0; j < Map::in; ++j) column[j] = from(j, k);
    Map::apply([&](size_t j) { return column[j]; }, [&](size_t i, Vector value) { half[i][k] = value; });
  }
#pragma GCC unroll 9
  for (int i = 0; i < Map::out; ++i) {
    Map::apply([&](size_t k) { return half[i][k]; }, [&](size_t j, Vector value) { to(i, j, value); });
  }
}

}  // namespace engine::cpu::winograd
