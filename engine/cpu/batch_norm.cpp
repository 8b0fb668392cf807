#include <algorithm>
#include <cmath>
#include <vector>

#include "engine/kernels.h"
#include "engine/parallel.h"

// All of it is bound by memory: what counts is how often a tensor is read or written. Forward reads x twice, and a
// residual once, and writes y; ReLU costs nothing more. Backward reads x and dy twice and writes dx; where dy has to be
// masked by a ReLU, the sign is recomputed from x rather than read from y.
namespace engine::cpu {
namespace {

constexpr int64_t pixels_per_chunk = 256;

int64_t chunks(int64_t pixels) { return (pixels + pixels_per_chunk - 1) / pixels_per_chunk; }

/// The normalisation as x scale + shift, channel by channel.
struct Affine {
  Affine(const Tensor& gamma, const Tensor& beta, const Tensor& mean, const Tensor& inv_std) {
    for (int64_t k = 0; k < gamma.elements(); ++k) {
      scale.push_back(gamma.data()[k] * inv_std.data()[k]);
      shift.push_back(beta.data()[k] - mean.data()[k] * scale.back());
    }
  }
  std::vector<float> scale, shift;
};

/// Calls run.template operator()<condition>(), so that the loops inside do not ask.
template <class Run>
void with_constant(bool condition, Run run) {
  if (condition) run.template operator()<true>();
  else run.template operator()<false>();
}

// One pixel of each loop, all channels; `restrict` lets the compiler use vectors.

template <bool Residual, bool Relu>
void apply_pixel(int64_t c, const float* x, const float* residual, const float* scale, const float* shift,
                 float* __restrict y) {
  for (int64_t k = 0; k < c; ++k) {
    float value = x[k] * scale[k] + shift[k];
    if (Residual) value += residual[k];
    y[k] = Relu && value < 0 ? 0 : value;
  }
}

/// dy, or what a ReLU lets through of it.
template <bool Relu>
float masked(float dy, float x, float scale, float shift) {
  return !Relu || x * scale + shift > 0 ? dy : 0;
}

/// Adds dy and dy (x - mean) to the sums.
template <bool Relu>
void add_pixel(int64_t c, const float* dy, const float* x, const float* scale, const float* shift, const float* mean,
               float* __restrict slopes, float* __restrict products) {
  for (int64_t k = 0; k < c; ++k) {
    const float g = masked<Relu>(dy[k], x[k], scale[k], shift[k]);
    slopes[k] += g;
    products[k] += g * (x[k] - mean[k]);
  }
}

/// dx = dy scale + (x - mean) by_x + constant
template <bool Relu>
void backward_pixel(int64_t c, const float* dy, const float* x, const float* scale, const float* shift,
                    const float* mean, const float* by_x, const float* constant, float* __restrict dx) {
  for (int64_t k = 0; k < c; ++k) {
    const float g = masked<Relu>(dy[k], x[k], scale[k], shift[k]);
    dx[k] = g * scale[k] + ((x[k] - mean[k]) * by_x[k] + constant[k]);
  }
}

/// y = f(x scale + shift + residual)
void apply(const Tensor& x, const Tensor& residual, const Affine& affine, bool relu, Tensor& y) {
  const int64_t c = x.shape().last();
  with_constant(residual.defined(), [&]<bool Residual>() {
    with_constant(relu, [&]<bool Relu>() {
      parallel_for(x.elements() / c, pixels_per_chunk, [&](int64_t begin, int64_t end) {
        for (int64_t p = begin; p < end; ++p) {
          apply_pixel<Residual, Relu>(c, x.data() + p * c, Residual ? residual.data() + p * c : nullptr,
                                      affine.scale.data(), affine.shift.data(), y.data() + p * c);
        }
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
  Tensor sums({chunks(pixels), c}), squares({chunks(pixels), c});
  parallel_for(pixels, pixels_per_chunk, [&](int64_t begin, int64_t end) {
    const float* in = x.data();
    float *m = sums.data() + begin / pixels_per_chunk * c, *s = squares.data() + begin / pixels_per_chunk * c;
    std::fill_n(m, c, 0.0f);
    std::fill_n(s, c, 0.0f);
    for (int64_t p = begin; p < end; ++p) {
      for (int64_t k = 0; k < c; ++k) m[k] += in[p * c + k];
    }
    for (int64_t k = 0; k < c; ++k) m[k] /= static_cast<float>(end - begin);
    for (int64_t p = begin; p < end; ++p) {
      for (int64_t k = 0; k < c; ++k) s[k] += (in[p * c + k] - m[k]) * (in[p * c + k] - m[k]);
    }
  });
  for (int64_t k = 0; k < c; ++k) {
    double count = 0, m = 0, s = 0;
    for (int64_t chunk = 0; chunk < chunks(pixels); ++chunk) {
      const double more = static_cast<double>(std::min(pixels_per_chunk, pixels - chunk * pixels_per_chunk));
      const double delta = sums.data()[chunk * c + k] - m;
      s += squares.data()[chunk * c + k] + delta * delta * count * more / (count + more);
      m += delta * more / (count + more);
      count += more;
    }
    mean.data()[k] = static_cast<float>(m);
    inv_std.data()[k] = static_cast<float>(1 / std::sqrt(s / count + spec.eps));
    float &rm = running_mean.data()[k], &rv = running_var.data()[k];
    rm += spec.momentum * (static_cast<float>(m) - rm);
    rv += spec.momentum * (static_cast<float>(s / (count - 1)) - rv);
  }
  apply(x, residual, Affine(gamma, beta, mean, inv_std), spec.relu, y);
}

void batch_norm_eval(const Tensor& x, const Tensor& residual, const Tensor& gamma, const Tensor& beta,
                     const BatchNormSpec& spec, const Tensor& running_mean, const Tensor& running_var, Tensor& y,
                     Tensor& inv_std) {
  for (int64_t k = 0; k < inv_std.elements(); ++k) {
    inv_std.data()[k] = 1 / std::sqrt(running_var.data()[k] + spec.eps);
  }
  apply(x, residual, Affine(gamma, beta, running_mean, inv_std), spec.relu, y);
}

void batch_norm_backward(const Tensor& dy, const Tensor& x, const Tensor& gamma, const Tensor& beta, const Tensor& mean,
                         const Tensor& inv_std, const BatchNormSpec& spec, bool batch_statistics, Tensor& dx,
                         Tensor& dgamma, Tensor& dbeta) {
  const int64_t c = x.shape().last(), pixels = x.elements() / c;
  const Affine affine(gamma, beta, mean, inv_std);
  const float *scale = affine.scale.data(), *shift = affine.shift.data(), *m = mean.data();

  Tensor slopes({chunks(pixels), c}), products({chunks(pixels), c});  // sums of dy and of dy (x - mean)
  with_constant(spec.relu, [&]<bool Relu>() {
    parallel_for(pixels, pixels_per_chunk, [&](int64_t begin, int64_t end) {
      float *s = slopes.data() + begin / pixels_per_chunk * c, *q = products.data() + begin / pixels_per_chunk * c;
      std::fill_n(s, c, 0.0f);
      std::fill_n(q, c, 0.0f);
      for (int64_t p = begin; p < end; ++p) {
        add_pixel<Relu>(c, dy.data() + p * c, x.data() + p * c, scale, shift, m, s, q);
      }
    });
  });

  // dx = gamma inv_std (dy - mean(dy) - xhat mean(dy xhat)), written as dy scale + (x - mean) b + d
  std::vector<float> by_x(static_cast<size_t>(c)), constant(static_cast<size_t>(c));
  for (int64_t k = 0; k < c; ++k) {
    double slope = 0, product = 0;
    for (int64_t chunk = 0; chunk < chunks(pixels); ++chunk) {
      slope += slopes.data()[chunk * c + k];
      product += products.data()[chunk * c + k];
    }
    const double inverse = inv_std.data()[k], count = static_cast<double>(pixels);
    dbeta.data()[k] = static_cast<float>(slope);
    dgamma.data()[k] = static_cast<float>(product * inverse);
    if (!batch_statistics) continue;
    by_x[k] = static_cast<float>(-gamma.data()[k] * inverse * inverse * inverse * product / count);
    constant[k] = static_cast<float>(-gamma.data()[k] * inverse * slope / count);
  }
  with_constant(spec.relu, [&]<bool Relu>() {
    parallel_for(pixels, pixels_per_chunk, [&](int64_t begin, int64_t end) {
      for (int64_t p = begin; p < end; ++p) {
        backward_pixel<Relu>(c, dy.data() + p * c, x.data() + p * c, scale, shift, m, by_x.data(), constant.data(),
                             dx.data() + p * c);
      }
    });
  });
}

}  // namespace engine::cpu
