#pragma once

#include "engine/cpu/winograd_transforms.h"

// F(4, 3): 4 outputs of a filter of 3 taps from 6 inputs by 6 products.
//
//   y = A^T [ (G g) * (B^T d) ]                             * element by element
namespace engine::cpu::winograd {

struct Stride1 {
  // A transform evaluates the polynomial with the given coefficients at five points and "at infinity". The points
  // decide the rounding errors: 2/3 and 3/2 give a fifth of those of the textbook's 1 and 2.
  static constexpr float a = 2.f / 3, b = 3.f / 2;  // the points are 0, a, -a, b, -b
  static constexpr float a2 = a * a, b2 = b * b;
  static constexpr float fa = 1 / (2 * a2 * (a2 - b2)), fb = 1 / (2 * b2 * (b2 - a2));

  static constexpr Matrix<6, 6> input_matrix{{// B^T
                                              {a2 * b2, 0, -a2 - b2, 0, 1, 0},
                                              {0, -a* b2, -b2, a, 1, 0},
                                              {0, a* b2, -b2, -a, 1, 0},
                                              {0, -b* a2, -a2, b, 1, 0},
                                              {0, b* a2, -a2, -b, 1, 0},
                                              {0, a2* b2, 0, -a2 - b2, 0, 1}}};
  static constexpr Matrix<6, 3> filter_matrix{{// G
                                               {1 / (a2 * b2), 0, 0},
                                               {fa, fa* a, fa* a2},
                                               {fa, -fa* a, fa* a2},
                                               {fb, fb* b, fb* b2},
                                               {fb, -fb* b, fb* b2},
                                               {0, 0, 1}}};
  static constexpr Matrix<6, 4> slope_matrix{{// A
                                              {1, 0, 0, 0},
                                              {1, a, a2, a* a2},
                                              {1, -a, a2, -a* a2},
                                              {1, b, b2, b* b2},
                                              {1, -b, b2, -b* b2},
                                              {0, 0, 0, 1}}};
  static constexpr Matrix<4, 6> output_matrix = transpose<6, 4>(slope_matrix);   // A^T
  static constexpr Matrix<3, 6> weight_matrix = transpose<6, 3>(filter_matrix);  // G^T

  static constexpr int products = 6;
  static constexpr int filter_of(int product) { return product; }

  using Filter = Product<6, 3, filter_matrix>;
  using Weight = Product<3, 6, weight_matrix>;
  using Slope = Product<6, 4, slope_matrix>;

  struct Forward {
    using Input = Product<6, 6, input_matrix>;
    using Output = Product<4, 6, output_matrix>;
    static constexpr int input_step = 4, output_step = 4;  // pixels from one tile to the next
  };
  using BackwardData = Forward;  // with turned filters
};

}  // namespace engine::cpu::winograd
