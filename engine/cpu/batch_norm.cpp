#include <algorithm>
#include <cmath>
#include <type_traits>
#include <vector>

#include "engine/cpu/cache.h"
#include "engine/cpu/vector.h"
#include "engine/kernels.h"
#include "engine/parallel.h"

// All of it is bound by memory: what counts is how often a tensor is read or written. Forward reads x twice, and a
// residual once, and writes y; ReLU costs nothing more. Backward reads x and dy twice and writes dx; where dy has to be
// masked by a ReLU, the sign is recomputed from x rather than read from y, unless a residual had its part in it.
namespace engine::cpu {
namespace {

/// Pixels of c channels that are worth a task and stay in cache when read twice; a power of two.
int64_t pixels_per_chunk(int64_t c) {
  int64_t pixels = 64;
  while (2 * pixels * c <= 1 << 15) pixels *= 2;
  return pixels;
}

/// What is summed over pixels: a row of sums for every chunk of them.
struct Sums {
  Sums(int64_t pixels, int64_t c) : chunk(pixels_per_chunk(c)), chunks(divide_up(pixels, chunk)), rows({chunks, c}) {}
  float* row_of(int64_t pixel) { return rows.data() + pixel / chunk * rows.shape()[1]; }

  int64_t chunk, chunks;
  Tensor rows;
};

/// Channels whose sums are merged together: rows of sums are read as they lie.
constexpr int64_t channels_together = 64;

/// How many numbers the loops below take at a time, a multiple of c: few channels make short loops, which cost more
/// than their work, so several pixels are taken as one of more channels. A chunk holds a whole number of runs, but the
/// last.
int64_t run_length(int64_t c) {
  int64_t run = c;
  while (run < 128) run *= 2;
  return run;
}

/// The values of c channels, side by side to fill a run.
std::vector<float> repeat(const float* values, int64_t c) {
  std::vector<float> run;
  for (int64_t i = 0; i < run_length(c); i += c) run.insert(run.end(), values, values + c);
  return run;
}

/// Calls body.template operator()<R>(first, count) for R runs at a time, from number `first` on and `count` long, of
/// the pixels [begin, end). What belongs to a channel is then loaded once for R runs.
template <class Body>
void for_runs(int64_t begin, int64_t end, int64_t c, Body body) {
  const int64_t run = run_length(c), last = end * c;
  int64_t i = begin * c;
  for (; i + 4 * run <= last; i += 4 * run) body.template operator()<4>(i, run);
  for (; i < last; i += run) body.template operator()<1>(i, std::min(run, last - i));
}

/// Calls body.template operator()<T>(k) for all k < count, with T = Vector for as many numbers at a time, or T = float.
template <class Body>
void for_numbers(int64_t count, Body body) {
  int64_t k = 0;
  for (; k + lanes <= count; k += lanes) body.template operator()<Vector>(k);
  for (; k < count; ++k) body.template operator()<float>(k);
}

template <class T>
T get(const float* from) {
  if constexpr (std::is_same_v<T, Vector>) return load(from);
  else return *from;
}

void put(float* to, Vector value, Write write = Write::over) { store(to, value, write); }
void put(float* to, float value, Write = Write::over) { *to = value; }

/// The fastest way to write a result from its first number to its last; past the cache in whole, aligned vectors only.
Write way_to_write(const Tensor& y) {
  return outgrows_cache(y) && y.shape().last() % lanes == 0 ? Write::past_cache : Write::over;
}

/// to[k] = the sum over a run of what belongs to channel k.
void fold(const std::vector<float>& run, int64_t c, float* to) {
  std::copy_n(run.data(), c, to);
  for (const float* from = run.data() + c; from < run.data() + run.size(); from += c) {
    for (int64_t k = 0; k < c; ++k) to[k] += from[k];
  }
}

/// The normalisation as x scale + shift, channel by channel of a run.
struct Affine {
  Affine(const Tensor& gamma, const Tensor& beta, const Tensor& mean, const Tensor& inv_std) {
    const int64_t c = gamma.elements();
    for (int64_t k = 0; k < c; ++k) {
      scale.push_back(gamma.data()[k] * inv_std.data()[k]);
      shift.push_back(beta.data()[k] - mean.data()[k] * scale.back());
    }
    scale = repeat(scale.data(), c);
    shift = repeat(shift.data(), c);
  }
  std::vector<float> scale, shift;
};

/// Calls run.template operator()<condition>(), so that the loops inside do not ask.
template <class Run>
void with_constant(bool condition, Run run) {
  if (condition) run.template operator()<true>();
  else run.template operator()<false>();
}

/// What follows the normalisation.
enum class After { nothing, relu, leaky_relu };

template <class Run>
void with_after(const BatchNormSpec& spec, Run run) {
  if (!spec.relu) run.template operator()<After::nothing>();
  else if (spec.leak == 0) run.template operator()<After::relu>();
  else run.template operator()<After::leaky_relu>();
}

// What is done with R runs of x, each of `count` numbers.

template <int R>
void sum_runs(int64_t count, const float* x, float* sums) {
  for_numbers(count, [&]<class T>(int64_t k) {
    T sum = get<T>(sums + k);
    for (int r = 0; r < R; ++r) sum += get<T>(x + r * count + k);
    put(sums + k, sum);
  });
}

template <int R>
void square_runs(int64_t count, const float* x, const float* mean, float* sums) {
  for_numbers(count, [&]<class T>(int64_t k) {
    const T m = get<T>(mean + k);
    T sum = get<T>(sums + k);
    for (int r = 0; r < R; ++r) {
      const T difference = get<T>(x + r * count + k) - m;
      sum += difference * difference;
    }
    put(sums + k, sum);
  });
}

template <bool Residual, After after, int R>
void apply_runs(int64_t count, const float* x, const float* residual, const float* scale, const float* shift,
                float leak, float* y, Write write) {
  for_numbers(count, [&]<class T>(int64_t k) {
    const T by = get<T>(scale + k), add = get<T>(shift + k);
    for (int r = 0; r < R; ++r) {
      const int64_t i = r * count + k;
      T value = get<T>(x + i) * by + add;
      if constexpr (Residual) value += get<T>(residual + i);
      if constexpr (after == After::relu) value = value < 0 ? T{} : value;
      if constexpr (after == After::leaky_relu) value = value < 0 ? leak * value : value;
      put(y + i, value, write);
    }
  });
}

/// dy, or what a ReLU with the output y lets through of it.
template <After after, class T>
T masked(T dy, T y, float leak) {
  if constexpr (after == After::nothing) return dy;
  else if constexpr (after == After::relu) return y > 0 ? dy : T{};
  else return y > 0 ? dy : leak * dy;
}

/// Adds dy and dy (x - mean) to the sums, where dy is masked by x scale + shift.
template <After after, int R>
void add_runs(int64_t count, const float* dy, const float* x, const float* scale, const float* shift, float leak,
              const float* mean, float* slopes, float* products) {
  for_numbers(count, [&]<class T>(int64_t k) {
    const T by = get<T>(scale + k), add = get<T>(shift + k), m = get<T>(mean + k);
    T slope = get<T>(slopes + k), product = get<T>(products + k);
    for (int r = 0; r < R; ++r) {
      const T value = get<T>(x + r * count + k);
      const T g = masked<after>(get<T>(dy + r * count + k), value * by + add, leak);
      slope += g;
      product += g * (value - m);
    }
    put(slopes + k, slope);
    put(products + k, product);
  });
}

/// The same where dy is masked by y, and written as the residual's gradient.
template <After after, int R>
void add_residual_runs(int64_t count, const float* dy, const float* x, const float* y, float leak, const float* mean,
                       float* slopes, float* products, float* dresidual, Write write) {
  for_numbers(count, [&]<class T>(int64_t k) {
    const T m = get<T>(mean + k);
    T slope = get<T>(slopes + k), product = get<T>(products + k);
    for (int r = 0; r < R; ++r) {
      const int64_t i = r * count + k;
      const T g = masked<after>(get<T>(dy + i), get<T>(y + i), leak);
      put(dresidual + i, g, write);
      slope += g;
      product += g * (get<T>(x + i) - m);
    }
    put(slopes + k, slope);
    put(products + k, product);
  });
}

/// dx = dy scale + (x - mean) by_x + constant
template <After after, int R>
void backward_runs(int64_t count, const float* dy, const float* x, const float* scale, const float* shift, float leak,
                   const float* mean, const float* by_x, const float* constant, float* dx, Write write) {
  for_numbers(count, [&]<class T>(int64_t k) {
    const T by = get<T>(scale + k), add = get<T>(shift + k), m = get<T>(mean + k);
    const T slope = get<T>(by_x + k), offset = get<T>(constant + k);
    for (int r = 0; r < R; ++r) {
      const int64_t i = r * count + k;
      const T value = get<T>(x + i), g = masked<after>(get<T>(dy + i), value * by + add, leak);
      put(dx + i, g * by + ((value - m) * slope + offset), write);
    }
  });
}

/// y = f(x scale + shift + residual)
void apply(const Tensor& x, const Tensor& residual, const Affine& affine, const BatchNormSpec& spec, Tensor& y) {
  const int64_t c = x.shape().last();
  const Write write = way_to_write(y);
  with_constant(residual.defined(), [&]<bool Residual>() {
    with_after(spec, [&]<After after>() {
      parallel_for(x.elements() / c, pixels_per_chunk(c), [&](int64_t begin, int64_t end) {
        for_runs(begin, end, c, [&]<int R>(int64_t i, int64_t count) {
          apply_runs<Residual, after, R>(count, x.data() + i, Residual ? residual.data() + i : nullptr,
                                         affine.scale.data(), affine.shift.data(), spec.leak, y.data() + i, write);
        });
      });
    });
  });
}

}  // namespace

void batch_norm_train(const Tensor& x, const Tensor& residual, const Tensor& gamma, const Tensor& beta,
                      const BatchNormSpec& spec, Tensor& running_mean, Tensor& running_var, Tensor& y, Tensor& mean,
                      Tensor& inv_std) {
  const int64_t c = x.shape().last(), pixels = x.elements() / c;

  // Each chunk's mean and sum of squared differences from it, merged in double in the order of the chunks (Chan, Golub,
  // LeVeque, 1979): exact enough for any batch, and the same for any number of threads.
  Sums sums(pixels, c), squares(pixels, c);
  parallel_for(pixels, sums.chunk, [&](int64_t begin, int64_t end) {
    float* m = sums.row_of(begin);
    std::vector<float> run(static_cast<size_t>(run_length(c)));
    for_runs(begin, end, c, [&]<int R>(int64_t i, int64_t count) { sum_runs<R>(count, x.data() + i, run.data()); });
    fold(run, c, m);
    for (int64_t k = 0; k < c; ++k) m[k] /= static_cast<float>(end - begin);
    const std::vector<float> means = repeat(m, c);
    std::fill(run.begin(), run.end(), 0.0f);
    for_runs(begin, end, c,
             [&]<int R>(int64_t i, int64_t count) { square_runs<R>(count, x.data() + i, means.data(), run.data()); });
    fold(run, c, squares.row_of(begin));
  });
  parallel_for(c, channels_together, [&](int64_t first, int64_t last) {
    double m[channels_together] = {}, s[channels_together] = {}, count = 0;
    for (int64_t chunk = 0; chunk < sums.chunks; ++chunk) {
      const double more = static_cast<double>(std::min(sums.chunk, pixels - chunk * sums.chunk));
      const double share = more / (count + more);
      const float *means = sums.rows.data() + chunk * c + first,
                  *more_squares = squares.rows.data() + chunk * c + first;
      for (int64_t k = 0; k < last - first; ++k) {
        const double delta = means[k] - m[k];
        s[k] += more_squares[k] + delta * delta * (count * share);
        m[k] += delta * share;
      }
      count += more;
    }
    for (int64_t k = first; k < last; ++k) {
      const double average = m[k - first], square = s[k - first];
      mean.data()[k] = static_cast<float>(average);
      inv_std.data()[k] = static_cast<float>(1 / std::sqrt(square / count + spec.eps));
      float &rm = running_mean.data()[k], &rv = running_var.data()[k];
      rm += spec.momentum * (static_cast<float>(average) - rm);
      rv += spec.momentum * (static_cast<float>(square / (count - 1)) - rv);
    }
  });
  apply(x, residual, Affine(gamma, beta, mean, inv_std), spec, y);
}

void batch_norm_eval(const Tensor& x, const Tensor& residual, const Tensor& gamma, const Tensor& beta,
                     const BatchNormSpec& spec, const Tensor& running_mean, const Tensor& running_var, Tensor& y,
                     Tensor& inv_std) {
  for (int64_t k = 0; k < inv_std.elements(); ++k) {
    inv_std.data()[k] = 1 / std::sqrt(running_var.data()[k] + spec.eps);
  }
  apply(x, residual, Affine(gamma, beta, running_mean, inv_std), spec, y);
}

void batch_norm_backward(const Tensor& dy, const Tensor& x, const Tensor& y, const Tensor& gamma, const Tensor& beta,
                         const Tensor& mean, const Tensor& inv_std, const BatchNormSpec& spec, bool batch_statistics,
                         Tensor& dx, Tensor& dresidual, Tensor& dgamma, Tensor& dbeta) {
  const int64_t c = x.shape().last(), pixels = x.elements() / c;
  const Affine affine(gamma, beta, mean, inv_std);
  const std::vector<float> means = repeat(mean.data(), c);
  const float *scale = affine.scale.data(), *shift = affine.shift.data(), *m = means.data();
  const bool residual = dresidual.defined();
  const Write write = way_to_write(dx);  // also the residual's gradient, of the same shape

  Sums slopes(pixels, c), products(pixels, c);  // sums of dy and of dy (x - mean)
  with_after(spec, [&]<After after>() {
    parallel_for(pixels, slopes.chunk, [&](int64_t begin, int64_t end) {
      std::vector<float> slope(static_cast<size_t>(run_length(c))), product(slope);
      for_runs(begin, end, c, [&]<int R>(int64_t i, int64_t count) {
        const float *g = dy.data() + i, *value = x.data() + i;
        if (residual) {
          add_residual_runs<after, R>(count, g, value, y.data() + i, spec.leak, m, slope.data(), product.data(),
                                      dresidual.data() + i, write);
        } else {
          add_runs<after, R>(count, g, value, scale, shift, spec.leak, m, slope.data(), product.data());
        }
      });
      fold(slope, c, slopes.row_of(begin));
      fold(product, c, products.row_of(begin));
    });
  });

  // dx = gamma inv_std (dy - mean(dy) - xhat mean(dy xhat)), written as dy scale + (x - mean) by_x + constant
  std::vector<float> by_x(static_cast<size_t>(c)), constant(by_x);
  parallel_for(c, channels_together, [&](int64_t first, int64_t last) {
    double slope[channels_together] = {}, product[channels_together] = {};
    for (int64_t chunk = 0; chunk < slopes.chunks; ++chunk) {
      for (int64_t k = first; k < last; ++k) {
        slope[k - first] += slopes.rows.data()[chunk * c + k];
        product[k - first] += products.rows.data()[chunk * c + k];
      }
    }
    for (int64_t k = first; k < last; ++k) {
      const double inverse = inv_std.data()[k], count = static_cast<double>(pixels);
      const double dy_sum = slope[k - first], product_sum = product[k - first];
      dbeta.data()[k] = static_cast<float>(dy_sum);
      dgamma.data()[k] = static_cast<float>(product_sum * inverse);
      if (!batch_statistics) continue;
      by_x[k] = static_cast<float>(-gamma.data()[k] * inverse * inverse * inverse * product_sum / count);
      constant[k] = static_cast<float>(-gamma.data()[k] * inverse * dy_sum / count);
    }
  });
  by_x = repeat(by_x.data(), c);
  constant = repeat(constant.data(), c);
  const float* slope = residual ? dresidual.data() : dy.data();  // a residual's gradient is masked already
  with_after(residual ? BatchNormSpec{} : spec, [&]<After after>() {
    parallel_for(pixels, pixels_per_chunk(c), [&](int64_t begin, int64_t end) {
      for_runs(begin, end, c, [&]<int R>(int64_t i, int64_t count) {
        backward_runs<after, R>(count, slope + i, x.data() + i, scale, shift, spec.leak, m, by_x.data(),
                                constant.data(), dx.data() + i, write);
      });
    });
  });
}

}  // namespace engine::cpu
