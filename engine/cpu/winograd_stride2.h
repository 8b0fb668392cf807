#pragma once

#include "engine/cpu/winograd_transforms.h"

// At stride 2, with one pixel of padding, every second input meets the middle tap alone, and those between meet the
// other two:
//
//   y[i] = g[1] d[2i]  +  (g[0] d[2i - 1] + g[2] d[2i + 1])
//
// So 4 outputs come from 9 inputs d[-1 .. 7] by 9 products instead of 12: four with g[1], as they are, and five of
// F(4, 2), which filters d[-1], d[1], ..., d[7] with the taps (g[0], g[2]). Backward the same products lead from 5
// slopes to 8 inputs, of which every second is one of the four, and the others are the outputs of an F(4, 2).
namespace engine::cpu::winograd {

struct Stride2 {
  // Four points and "infinity"; these have the smallest rounding errors of some fifty pairs. The second row of a pair
  // is taken with the other sign in B^T and in G, so that here, too, only odd numbers differ in sign.
  static constexpr float a = 1.f / 2, b = 5.f / 4;  // the points are a, -a, b, -b
  static constexpr float a2 = a * a, b2 = b * b;
  static constexpr float fa = 1 / (2 * a * (a2 - b2)), fb = 1 / (2 * b * (b2 - a2));

  static constexpr Matrix<5, 5> input_matrix{{// B^T
                                              {-a * b2, -b2, a, 1, 0},
                                              {-a * b2, b2, a, -1, 0},
                                              {-b * a2, -a2, b, 1, 0},
                                              {-b * a2, a2, b, -1, 0},
                                              {a2 * b2, 0, -a2 - b2, 0, 1}}};
  static constexpr Matrix<5, 2> filter_matrix{{// G
                                               {fa, fa* a},
                                               {fa, -fa* a},
                                               {fb, fb* b},
                                               {fb, -fb* b},
                                               {0, 1}}};
  static constexpr Matrix<5, 4> slope_matrix{{// A
                                              {1, a, a2, a* a2},
                                              {1, -a, a2, -a* a2},
                                              {1, b, b2, b* b2},
                                              {1, -b, b2, -b* b2},
                                              {0, 0, 0, 1}}};
  static constexpr Matrix<4, 5> output_matrix = transpose<5, 4>(slope_matrix);   // A^T
  static constexpr Matrix<2, 5> weight_matrix = transpose<5, 2>(filter_matrix);  // G^T

  using Inputs = Product<5, 5, input_matrix>;
  using Outputs = Product<4, 5, output_matrix>;

  static constexpr int products = 9;  // four with the middle tap, then five of F(4, 2)
  static constexpr int filter_of(int product) { return product < 4 ? 0 : product - 3; }

  struct Filter {
    static constexpr int in = 3, out = 6;
    template <class In, class To>
    static void apply(In in, To to) {
      to(0, in(1));
      Product<5, 2, filter_matrix>::apply([&](size_t j) { return in(2 * j); },
                                          [&](size_t i, Vector value) { to(i + 1, value); });
    }
  };

  struct Weight {
    static constexpr int in = 6, out = 3;
    template <class In, class To>
    static void apply(In in, To to) {
      to(1, in(0));
      Product<2, 5, weight_matrix>::apply([&](size_t j) { return in(j + 1); },
                                          [&](size_t i, Vector value) { to(2 * i, value); });
    }
  };

  /// The first four numbers as they are, and all of them through another map.
  template <class Map>
  struct Beside {
    static constexpr int in = Map::in, out = 9;
    template <class In, class To>
    static void apply(In in, To to) {
#pragma GCC unroll 4
      for (size_t i = 0; i < 4; ++i) to(i, in(i));
      Map::apply(in, [&](size_t i, Vector value) { to(i + 4, value); });
    }
  };
  using Slope = Beside<Product<5, 4, slope_matrix>>;

  struct Forward {
    struct Input {
      static constexpr int in = 9, out = 9;
      template <class In, class To>
      static void apply(In in, To to) {
#pragma GCC unroll 4
        for (size_t i = 0; i < 4; ++i) to(i, in(2 * i + 1));
        Inputs::apply([&](size_t j) { return in(2 * j); }, [&](size_t i, Vector value) { to(i + 4, value); });
      }
    };
    struct Output {
      static constexpr int in = 9, out = 4;
      template <class In, class To>
      static void apply(In in, To to) {
        Outputs::apply([&](size_t j) { return in(j + 4); }, [&](size_t i, Vector value) { to(i, in(i) + value); });
      }
    };
    static constexpr int input_step = 8, output_step = 4;
  };

  struct BackwardData {
    using Input = Beside<Inputs>;
    struct Output {
      static constexpr int in = 9, out = 8;
      template <class In, class To>
      static void apply(In in, To to) {
#pragma GCC unroll 4
        for (size_t i = 0; i < 4; ++i) to(2 * i, in(i));
        Outputs::apply([&](size_t j) { return in(j + 4); }, [&](size_t i, Vector value) { to(2 * i + 1, value); });
      }
    };
    static constexpr int input_step = 4, output_step = 8;
  };
};

}  // namespace engine::cpu::winograd
