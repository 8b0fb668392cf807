#include <algorithm>
#include <cmath>
#include <vector>

#include "engine/kernels.h"
#include "engine/parallel.h"

namespace engine::cpu {
namespace {

constexpr int64_t pixels_per_chunk = 256;

int64_t chunks(int64_t pixels) { return (pixels + pixels_per_chunk - 1) / pixels_per_chunk; }

/// y = x scale + shift, channel by channel.
void apply(const Tensor& x, const std::vector<float>& scale, const std::vector<float>& shift, Tensor& y) {
  const int64_t c = x.shape().last();
  parallel_for(x.elements() / c, pixels_per_chunk, [&](int64_t begin, int64_t end) {
    const float *in = x.data(), *a = scale.data(), *b = shift.data();
    float* out = y.data();
    for (int64_t p = begin; p < end; ++p) {
      for (int64_t k = 0; k < c; ++k) out[p * c + k] = in[p * c + k] * a[k] + b[k];
    }
  });
}

}  // namespace

void batch_norm_train(const Tensor& x, const Tensor& gamma, const Tensor& beta, const BatchNormSpec& spec,
                      Tensor& running_mean, Tensor& running_var, Tensor& y, Tensor& mean, Tensor& inv_std) {
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
  std::vector<float> scale(static_cast<size_t>(c)), shift(static_cast<size_t>(c));
  for (int64_t k = 0; k < c; ++k) {
    double count = 0, m = 0, s = 0;
    for (int64_t chunk = 0; chunk < chunks(pixels); ++chunk) {
      const double more = static_cast<double>(std::min(pixels_per_chunk, pixels - chunk * pixels_per_chunk));
      const double delta = sums.data()[chunk * c + k] - m;
      s += squares.data()[chunk * c + k] + delta * delta * count * more / (count + more);
      m += delta * more / (count + more);
      count += more;
    }
    const double inverse = 1 / std::sqrt(s / count + spec.eps);
    mean.data()[k] = static_cast<float>(m);
    inv_std.data()[k] = static_cast<float>(inverse);
    scale[k] = static_cast<float>(gamma.data()[k] * inverse);
    shift[k] = static_cast<float>(beta.data()[k] - m * gamma.data()[k] * inverse);
    float &rm = running_mean.data()[k], &rv = running_var.data()[k];
    rm += spec.momentum * (static_cast<float>(m) - rm);
    rv += spec.momentum * (static_cast<float>(s / (count - 1)) - rv);
  }
  apply(x, scale, shift, y);
}

void batch_norm_eval(const Tensor& x, const Tensor& gamma, const Tensor& beta, const BatchNormSpec& spec,
                     const Tensor& running_mean, const Tensor& running_var, Tensor& y, Tensor& inv_std) {
  const int64_t c = x.shape().last();
  std::vector<float> scale(static_cast<size_t>(c)), shift(static_cast<size_t>(c));
  for (int64_t k = 0; k < c; ++k) {
    inv_std.data()[k] = 1 / std::sqrt(running_var.data()[k] + spec.eps);
    scale[k] = gamma.data()[k] * inv_std.data()[k];
    shift[k] = beta.data()[k] - running_mean.data()[k] * scale[k];
  }
  apply(x, scale, shift, y);
}

void batch_norm_backward(const Tensor& dy, const Tensor& x, const Tensor& gamma, const Tensor& mean,
                         const Tensor& inv_std, bool batch_statistics, Tensor& dx, Tensor& dgamma, Tensor& dbeta) {
  const int64_t c = x.shape().last(), pixels = x.elements() / c;

  Tensor slopes({chunks(pixels), c}), products({chunks(pixels), c});  // sums of dy and of dy (x - mean)
  parallel_for(pixels, pixels_per_chunk, [&](int64_t begin, int64_t end) {
    const float *in = x.data(), *slope = dy.data(), *m = mean.data();
    float *s = slopes.data() + begin / pixels_per_chunk * c, *q = products.data() + begin / pixels_per_chunk * c;
    std::fill_n(s, c, 0.0f);
    std::fill_n(q, c, 0.0f);
    for (int64_t p = begin; p < end; ++p) {
      for (int64_t k = 0; k < c; ++k) {
        s[k] += slope[p * c + k];
        q[k] += slope[p * c + k] * (in[p * c + k] - m[k]);
      }
    }
  });

  // dx = gamma inv_std (dy - mean(dy) - xhat mean(dy xhat)), written as dy a + (x - mean) b + d
  std::vector<float> a(static_cast<size_t>(c)), b(static_cast<size_t>(c)), d(static_cast<size_t>(c));
  for (int64_t k = 0; k < c; ++k) {
    double slope = 0, product = 0;
    for (int64_t chunk = 0; chunk < chunks(pixels); ++chunk) {
      slope += slopes.data()[chunk * c + k];
      product += products.data()[chunk * c + k];
    }
    const double inverse = inv_std.data()[k], count = static_cast<double>(pixels);
    dbeta.data()[k] = static_cast<float>(slope);
    dgamma.data()[k] = static_cast<float>(product * inverse);
    a[k] = static_cast<float>(gamma.data()[k] * inverse);
    b[k] = batch_statistics ? static_cast<float>(-gamma.data()[k] * inverse * inverse * inverse * product / count) : 0;
    d[k] = batch_statistics ? static_cast<float>(-gamma.data()[k] * inverse * slope / count) : 0;
  }
  parallel_for(pixels, pixels_per_chunk, [&](int64_t begin, int64_t end) {
    const float *in = x.data(), *slope = dy.data(), *m = mean.data();
    float* out = dx.data();
    for (int64_t p = begin; p < end; ++p) {
      for (int64_t k = 0; k < c; ++k) out[p * c + k] = slope[p * c + k] * a[k] + (in[p * c + k] - m[k]) * b[k] + d[k];
    }
  });
}

}  // namespace engine::cpu
