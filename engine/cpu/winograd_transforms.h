#pragma once

#include <array>

#include "engine/cpu/vector.h"

// The matrices of Winograd's filtering F(4x4, 3x3), which winograd.cpp explains, and how a tile of vectors is
// multiplied by one of them from both sides.
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

// A transform evaluates the polynomial with the given coefficients at five points and "at infinity". The points decide
// the rounding errors: 2/3 and 3/2 give a fifth of those of the textbook's 1 and 2. Signs come in pairs, so that rows
// 1, 2 and rows 3, 4 differ in the sign of their odd columns alone.
inline constexpr float a = 2.f / 3, b = 3.f / 2;  // the points are 0, a, -a, b, -b
inline constexpr float a2 = a * a, b2 = b * b;
inline constexpr float fa = 1 / (2 * a2 * (a2 - b2)), fb = 1 / (2 * b2 * (b2 - a2));

inline constexpr Matrix<6, 6> input_matrix{{// B^T
                                            {a2 * b2, 0, -a2 - b2, 0, 1, 0},
                                            {0, -a* b2, -b2, a, 1, 0},
                                            {0, a* b2, -b2, -a, 1, 0},
                                            {0, -b* a2, -a2, b, 1, 0},
                                            {0, b* a2, -a2, -b, 1, 0},
                                            {0, a2* b2, 0, -a2 - b2, 0, 1}}};
inline constexpr Matrix<6, 3> filter_matrix{{// G
                                             {1 / (a2 * b2), 0, 0},
                                             {fa, fa* a, fa* a2},
                                             {fa, -fa* a, fa* a2},
                                             {fb, fb* b, fb* b2},
                                             {fb, -fb* b, fb* b2},
                                             {0, 0, 1}}};
inline constexpr Matrix<6, 4> slope_matrix{{// A
                                            {1, 0, 0, 0},
                                            {1, a, a2, a* a2},
                                            {1, -a, a2, -a* a2},
                                            {1, b, b2, b* b2},
                                            {1, -b, b2, -b* b2},
                                            {0, 0, 0, 1}}};
inline constexpr Matrix<4, 6> output_matrix = transpose<6, 4>(slope_matrix);   // A^T
inline constexpr Matrix<3, 6> weight_matrix = transpose<6, 3>(filter_matrix);  // G^T

inline constexpr int tile_size = 4, window = 6, positions = 36;

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

/// to(i, sum over j of M[i][j] in(j)). Of a pair of rows, or of columns, that differ in signs, even and odd parts are
/// computed once.
template <int Rows, int Cols, const Matrix<Rows, Cols>& M, class In, class To>
inline void multiply(In in, To to) {
  if constexpr (Rows == window) {
    to(0, weighted_sum(M[0], 0, 2, 1, in));
    to(5, weighted_sum(M[5], (Cols - 1) % 2, 2, 1, in));
#pragma GCC unroll 2
    for (size_t i : {1, 3}) {
      const float unit = M[i][Cols == 3 ? 1 : 3];  // a row's odd part is a multiple of a shorter sum
      const Vector even = weighted_sum(M[i], 0, 2, 1, in), odd = weighted_sum(M[i], 1, 2, unit, in);
      to(i, even + unit * odd);
      to(i + 1, even - unit * odd);
    }
  } else {
    const Vector sums[4]{in(0), in(1) + in(2), in(3) + in(4), in(5)};
    const Vector differences[4]{in(0), in(1) - in(2), in(3) - in(4), in(5)};
#pragma GCC unroll 4
    for (size_t i = 0; i < Rows; ++i) {
      const std::array<float, 4> factors{M[i][0], M[i][1], M[i][3], M[i][5]};
      to(i, weighted_sum(factors, 0, 1, 1, [&](size_t j) { return i % 2 == 0 ? sums[j] : differences[j]; }));
    }
  }
}

/// to(i, j, (M t M^T)[i][j]) for the tile t[j][k] = from(j, k).
template <int Rows, int Cols, const Matrix<Rows, Cols>& M, class From, class To>
inline void transform(From from, To to) {
  Vector half[Rows][Cols];
#pragma GCC unroll 6
  for (int k = 0; k < Cols; ++k) {
    Vector in[Cols];
#pragma GCC unroll 6
    for (int j = 0; j < Cols; ++j) in[j] = from(j, k);
    multiply<Rows, Cols, M>([&](int j) { return in[j]; }, [&](int i, Vector value) { half[i][k] = value; });
  }
#pragma GCC unroll 6
  for (int i = 0; i < Rows; ++i) {
    multiply<Rows, Cols, M>([&](int k) { return half[i][k]; }, [&](int j, Vector value) { to(i, j, value); });
  }
}

}  // namespace engine::cpu::winograd
