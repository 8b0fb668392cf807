#include <cmath>

#include "engine/cuda/pack.h"
#include "engine/cuda/sum_rows.h"
#include "engine/kernels.h"

// As on the CPU: forward reads x twice and writes y, backward reads x and dy twice and writes dx. A thread takes a pack
// of channels in several pixels, with what belongs to these channels in registers.
namespace engine::cuda {
namespace {

/// Sums over values of a channel, forward of x and x^2, backward of dy and dy (x - mean).
struct alignas(16) Sums {
  double first, second;
  DEMIX_HOST_DEVICE Sums operator+(const Sums& other) const { return {first + other.first, second + other.second}; }
};

/// What belongs to a channel: the normalisation as x scale + shift.
struct Affine {
  float scale, shift;
};

template <int width>
DEMIX_HOST_DEVICE Pack<Affine, width> affine_of(const float* gamma, const float* beta, const float* mean,
                                                const float* inv_std, int64_t column) {
  Pack<Affine, width> result;
  const auto scale = packed<width>(gamma)[column], shift = packed<width>(beta)[column],
             middle = packed<width>(mean)[column], inverse = packed<width>(inv_std)[column];
  for (int k = 0; k < width; ++k) {
    result[k].scale = scale[k] * inverse[k];
    result[k].shift = shift[k] - middle[k] * result[k].scale;
  }
  return result;
}

/// And of backward: dx = dy scale + (x - mean) by_x + constant.
struct Line {
  float by_x, constant;
};

/// What f hands on of a value, or back of a slope, where its argument is positive and where it is not.
DEMIX_HOST_DEVICE float rectified(float value, bool positive, const BatchNormSpec& spec) {
  if (!spec.relu || positive) return value;
  return spec.leak > 0 ? spec.leak * value : 0;
}

/// Shares out a tensor to threads that each write P::rows packs of it.
template <class P>
Share to_write(const Tensor& y) {
  const int64_t c = y.shape().last(), pixels = y.elements() / c;
  return Share(pixels, c / P::width, (pixels + P::rows - 1) / P::rows);
}

/// And to those that sum over its pixels, which write as many sums as there are threads.
template <class P>
Share to_sum(const Tensor& x) {
  const int64_t c = x.shape().last(), pixels = x.elements() / c;
  return Share(pixels, c / P::width, lanes_to_sum(pixels, c / P::width));
}

/// y = f(x scale + shift + residual)
template <class P>
void apply(const Tensor& x, const Tensor& residual, const Affine* affine, const BatchNormSpec& spec, Tensor& y) {
  using T = typename P::Number;
  const Share share = to_write<P>(y);
  const auto *px = packed<P::width>(x.as<T>()), *added = packed<P::width>(residual.as<T>());
  const auto* a = packed<P::width>(affine);
  auto* py = packed<P::width>(y.as<T>());
  each(share.threads, [=] DEMIX_DEVICE(int64_t i) {
    const auto here = a[share.column(i)];
    const int count = share.packs(i);
    const Rows<P> xs(px, i, count, share), others(added, i, count, share);
    for (int r = 0; r < P::rows && r < count; ++r) {
      Pack<float, P::width> result;
      for (int k = 0; k < P::width; ++k) {
        float value = xs[r][k] * here[k].scale + here[k].shift;
        if (added) value += others[r][k];
        result[k] = rectified(value, !(value < 0), spec);
      }
      py[i + r * share.threads] = rounded<T>(result);
    }
  });
}

template <class P>
void batch_norm_train(const Tensor& x, const Tensor& residual, const Tensor& gamma, const Tensor& beta,
                      const BatchNormSpec& spec, Tensor& running_mean, Tensor& running_var, Tensor& y, Tensor& mean,
                      Tensor& inv_std) {
  const int64_t c = x.shape().last(), pixels = x.elements() / c;
  const Share share = to_sum<P>(x);
  const Scratch<Sums> all(share.threads * P::width);
  Sums* sums = all.data();
  const auto* px = packed<P::width>(x.as<typename P::Number>());
  each(share.threads, [=] DEMIX_DEVICE(int64_t i) {
    // In float, differences from one of the values: their squares do not cancel out as those of the values would.
    Pack<float, P::width> pivot{}, sum{}, squares{};
    const int count = share.packs(i);
    int64_t at = i;
    for (int left = count; left > 0; left -= P::rows, at += P::rows * share.threads) {
      const Rows<P> xs(px, at, left, share);
      if (at == i) pivot = xs[0];
      for (int r = 0; r < P::rows && r < left; ++r) {
        for (int k = 0; k < P::width; ++k) {
          const float difference = xs[r][k] - pivot[k];
          sum[k] += difference;
          squares[k] += difference * difference;
        }
      }
    }
    // In double, sums of the values: what these lose by it is far less than the values lost as they were rounded.
    for (int k = 0; k < P::width; ++k) {
      const double from = pivot[k], all_from = count * from;
      sums[i * P::width + k] = {sum[k] + all_from, squares[k] + from * (2.0 * sum[k] + all_from)};
    }
  });

  const Scratch<Affine> affine(c);
  Affine* to = affine.data();
  const float *pgamma = gamma.data(), *pbeta = beta.data();
  float *pmean = mean.data(), *pinv = inv_std.data(), *rm = running_mean.data(), *rv = running_var.data();
  sum_rows(sums, share.threads / share.columns, c, [=] DEMIX_DEVICE(int64_t k, const Sums& sum) {
    const double count = static_cast<double>(pixels), middle = sum.first / count;
    const double difference = sum.second / count - middle * middle, variance = difference > 0 ? difference : 0;
    const float here = static_cast<float>(middle), inverse = static_cast<float>(1 / std::sqrt(variance + spec.eps));
    pmean[k] = here;
    pinv[k] = inverse;
    rm[k] += spec.momentum * (here - rm[k]);
    rv[k] += spec.momentum * (static_cast<float>(variance * (count / (count - 1))) - rv[k]);
    to[k].scale = pgamma[k] * inverse;
    to[k].shift = pbeta[k] - here * to[k].scale;
  });
  apply<P>(x, residual, to, spec, y);
}

template <class P>
void batch_norm_eval(const Tensor& x, const Tensor& residual, const Tensor& gamma, const Tensor& beta,
                     const BatchNormSpec& spec, const Tensor& running_mean, const Tensor& running_var, Tensor& y,
                     Tensor& inv_std) {
  const int64_t c = x.shape().last();
  const Scratch<Affine> affine(c);
  Affine* to = affine.data();
  const float *pgamma = gamma.data(), *pbeta = beta.data(), *rm = running_mean.data(), *rv = running_var.data();
  float* pinv = inv_std.data();
  each(c, [=] DEMIX_DEVICE(int64_t k) {
    pinv[k] = 1 / std::sqrt(rv[k] + spec.eps);
    to[k].scale = pgamma[k] * pinv[k];
    to[k].shift = pbeta[k] - rm[k] * to[k].scale;
  });
  apply<P>(x, residual, to, spec, y);
}

template <class P>
void batch_norm_backward(const Tensor& dy, const Tensor& x, const Tensor& y, const Tensor& gamma, const Tensor& beta,
                         const Tensor& mean, const Tensor& inv_std, const BatchNormSpec& spec, bool batch_statistics,
                         Tensor& dx, Tensor& dresidual, Tensor& dgamma, Tensor& dbeta) {
  const int64_t c = x.shape().last(), pixels = x.elements() / c;
  const float *pgamma = gamma.data(), *pbeta = beta.data(), *pmean = mean.data(), *pinv = inv_std.data();
  using T = typename P::Number;
  constexpr int rows = P::rows / 2;  // of two or three tensors
  const Share share = to_sum<P>(x);
  const Scratch<Sums> all(share.threads * P::width);
  Sums* sums = all.data();
  const auto *pdy = packed<P::width>(dy.as<T>()), *px = packed<P::width>(x.as<T>());
  const auto* output = dresidual.defined() ? packed<P::width>(y.as<T>()) : nullptr;
  const auto* means = packed<P::width>(pmean);
  auto* given = packed<P::width>(dresidual.as<T>());
  each(share.threads, [=] DEMIX_DEVICE(int64_t i) {
    const auto here = affine_of<P::width>(pgamma, pbeta, pmean, pinv, share.column(i));
    const auto middle = means[share.column(i)];
    Pack<float, P::width> sum{}, product{};
    int64_t at = i;
    for (int left = share.packs(i); left > 0; left -= rows, at += rows * share.threads) {
      const Rows<P, rows> xs(px, at, left, share), slopes(pdy, at, left, share), outputs(output, at, left, share);
      for (int r = 0; r < rows && r < left; ++r) {
        Pack<float, P::width> result;
        for (int k = 0; k < P::width; ++k) {
          const float value = output ? outputs[r][k] : xs[r][k] * here[k].scale + here[k].shift;
          const float slope = rectified(slopes[r][k], value > 0, spec);
          result[k] = slope;
          sum[k] += slope;
          product[k] += slope * (xs[r][k] - middle[k]);
        }
        if (given) given[at + r * share.threads] = rounded<T>(result);
      }
    }
    for (int k = 0; k < P::width; ++k) sums[i * P::width + k] = {sum[k], product[k]};
  });

  // dx = gamma inv_std (dy - mean(dy) - xhat mean(dy xhat)), written as dy scale + (x - mean) by_x + constant
  const Scratch<Line> lines(c);
  Line* line = lines.data();
  float *pdgamma = dgamma.data(), *pdbeta = dbeta.data();
  sum_rows(sums, share.threads / share.columns, c, [=] DEMIX_DEVICE(int64_t k, const Sums& sum) {
    const double inverse = pinv[k], count = static_cast<double>(pixels);
    pdbeta[k] = static_cast<float>(sum.first);
    pdgamma[k] = static_cast<float>(sum.second * inverse);
    line[k] = {0, 0};
    if (!batch_statistics) return;
    line[k].by_x = static_cast<float>(-pgamma[k] * inverse * inverse * inverse * sum.second / count);
    line[k].constant = static_cast<float>(-pgamma[k] * inverse * sum.first / count);
  });
  const Share shared = to_write<P>(dx);
  const bool masks = spec.relu && !given;
  const auto* from = given ? given : pdy;
  const auto* by = packed<P::width>(line);
  auto* pdx = packed<P::width>(dx.as<T>());
  each(shared.threads, [=] DEMIX_DEVICE(int64_t i) {
    const auto here = affine_of<P::width>(pgamma, pbeta, pmean, pinv, shared.column(i));
    const auto middle = means[shared.column(i)];
    const auto to = by[shared.column(i)];
    const int count = shared.packs(i);
    const Rows<P> xs(px, i, count, shared), slopes(from, i, count, shared);
    for (int r = 0; r < P::rows && r < count; ++r) {
      Pack<float, P::width> result;
      for (int k = 0; k < P::width; ++k) {
        const float value = xs[r][k] * here[k].scale + here[k].shift;
        const float slope = masks ? rectified(slopes[r][k], value > 0, spec) : slopes[r][k];
        result[k] = slope * here[k].scale + ((xs[r][k] - middle[k]) * to[k].by_x + to[k].constant);
      }
      pdx[i + r * shared.threads] = rounded<T>(result);
    }
  });
}

}  // namespace

void batch_norm_train(const Tensor& x, const Tensor& residual, const Tensor& gamma, const Tensor& beta,
                      const BatchNormSpec& spec, Tensor& running_mean, Tensor& running_var, Tensor& y, Tensor& mean,
                      Tensor& inv_std) {
  by_pack(x.dtype(), x.shape().last(), [&](auto pack) {
    batch_norm_train<decltype(pack)>(x, residual, gamma, beta, spec, running_mean, running_var, y, mean, inv_std);
  });
}

void batch_norm_eval(const Tensor& x, const Tensor& residual, const Tensor& gamma, const Tensor& beta,
                     const BatchNormSpec& spec, const Tensor& running_mean, const Tensor& running_var, Tensor& y,
                     Tensor& inv_std) {
  by_pack(x.dtype(), x.shape().last(), [&](auto pack) {
    batch_norm_eval<decltype(pack)>(x, residual, gamma, beta, spec, running_mean, running_var, y, inv_std);
  });
}

void batch_norm_backward(const Tensor& dy, const Tensor& x, const Tensor& y, const Tensor& gamma, const Tensor& beta,
                         const Tensor& mean, const Tensor& inv_std, const BatchNormSpec& spec, bool batch_statistics,
                         Tensor& dx, Tensor& dresidual, Tensor& dgamma, Tensor& dbeta) {
  by_pack(x.dtype(), x.shape().last(), [&](auto pack) {
    batch_norm_backward<decltype(pack)>(dy, x, y, gamma, beta, mean, inv_std, spec, batch_statistics, dx, dresidual,
                                        dgamma, dbeta);
  });
}

}  // namespace engine::cuda
