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

/// sum + factor value, where factors 0 and 1 cost nothing.
inline Vector plus(Vector sum, float factor, Vector value) {
  return factor == 0 ? sum : factor == 1 ? sum + value : sum + factor * value;
}

/// to(i, sum over j of M[i][j] in(j)): the compiler writes it out and leaves out the zeros. Of a pair of rows, or of
/// columns, that differ in signs, even and odd parts are computed once.
template <int Rows, int Cols, const Matrix<Rows, Cols>& M, class In, class To>
inline void multiply(In in, To to) {
  if constexpr (Rows == window) {
    Vector even[Rows]{}, odd[Rows]{};
#pragma GCC unroll 6
    for (int i : {0, 1, 3, 5}) {
#pragma GCC unroll 6
      for (int j = 0; j < Cols; ++j) (j % 2 == 0 ? even : odd)[i] = plus((j % 2 == 0 ? even : odd)[i], M[i][j], in(j));
    }
    to(0, even[0]);
    to(1, even[1] + odd[1]);
    to(2, even[1] - odd[1]);
    to(3, even[3] + odd[3]);
    to(4, even[3] - odd[3]);
    to(5, Cols % 2 == 0 ? odd[5] : even[5]);
  } else {
    const Vector sum_a = in(1) + in(2), difference_a = in(1) - in(2), sum_b = in(3) + in(4),
                 difference_b = in(3) - in(4);
#pragma GCC unroll 6
    for (int i = 0; i < Rows; ++i) {
      Vector sum{};
      sum = plus(sum, M[i][0], in(0));
      sum = plus(sum, M[i][1], i % 2 == 0 ? sum_a : difference_a);
      sum = plus(sum, M[i][3], i % 2 == 0 ? sum_b : difference_b);
      to(i, plus(sum, M[i][5], in(5)));
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
