#include <cmath>

#include "engine/cuda/merge_rows.h"
#include "engine/kernels.h"

// As on the CPU: forward reads x twice and writes y, backward reads x and dy twice and writes dx. Sums over pixels are
// taken by a thread for each channel and part of the pixels, neighbours on neighbouring channels, and then merged.
namespace engine::cuda {
namespace {

/// Number, mean and sum of squared differences from it, of some values of a channel.
struct Moments {
  double count, mean, squares;
};

/// Of both together (Chan, Golub, LeVeque, 1979).
struct MergeMoments {
  DEMIX_HOST_DEVICE Moments operator()(const Moments& a, const Moments& b) const {
    const double count = a.count + b.count, delta = b.mean - a.mean, share = b.count / count;
    return {count, a.mean + delta * share, a.squares + b.squares + delta * delta * a.count * share};
  }
};

/// Sums of dy and of dy (x - mean).
struct Slopes {
  double dy, product;
  DEMIX_HOST_DEVICE Slopes operator+(const Slopes& other) const { return {dy + other.dy, product + other.product}; }
};

/// What belongs to a channel: the normalisation as x scale + shift.
struct Affine {
  float scale, shift;
};

/// And of backward: dx = dy scale + (x - mean) by_x + constant.
struct Line {
  float by_x, constant;
};

/// y = f(x scale + shift + residual)
template <class T>
void apply(const Tensor& x, const Tensor& residual, const Affine* affine, const BatchNormSpec& spec, Tensor& y) {
  const int64_t c = x.shape().last();
  const T *px = x.as<T>(), *added = residual.as<T>();
  T* py = y.as<T>();
  each(y.elements(), [=] DEMIX_DEVICE(int64_t i) {
    const Affine a = affine[i % c];
    float value = px[i] * a.scale + a.shift;
    if (added) value += added[i];
    if (spec.relu && value < 0) value = spec.leak > 0 ? spec.leak * value : 0;
    py[i] = value;
  });
}

template <class T>
void batch_norm_train(const Tensor& x, const Tensor& residual, const Tensor& gamma, const Tensor& beta,
                      const BatchNormSpec& spec, Tensor& running_mean, Tensor& running_var, Tensor& y, Tensor& mean,
                      Tensor& inv_std) {
  const int64_t c = x.shape().last(), pixels = x.elements() / c;
  const int64_t part = rows_per_part(pixels, c), parts = (pixels + part - 1) / part;
  const Scratch<Moments> all(parts * c);
  Moments* moments = all.data();
  const T* px = x.as<T>();
  each(parts * c, [=] DEMIX_DEVICE(int64_t i) {
    const int64_t k = i % c, first = i / c * part, last = first + part < pixels ? first + part : pixels;
    // Differences from one of the values: their squares do not cancel out as those of the values would.
    const float pivot = px[first * c + k];
    float sum = 0, squares = 0;
    for (int64_t p = first; p < last; ++p) {
      const float difference = px[p * c + k] - pivot;
      sum += difference;
      squares += difference * difference;
    }
    const double count = static_cast<double>(last - first), offset = sum / count;
    const double rest = squares - sum * offset;
    moments[i] = {count, pivot + offset, rest > 0 ? rest : 0};
  });
  merge_rows(moments, parts, c, MergeMoments());

  const Scratch<Affine> affine(c);
  Affine* to = affine.data();
  const float *pgamma = gamma.data(), *pbeta = beta.data();
  float *pmean = mean.data(), *pinv = inv_std.data(), *rm = running_mean.data(), *rv = running_var.data();
  each(c, [=] DEMIX_DEVICE(int64_t k) {
    const Moments m = moments[k];
    const float here = static_cast<float>(m.mean),
                inverse = static_cast<float>(1 / std::sqrt(m.squares / m.count + spec.eps));
    pmean[k] = here;
    pinv[k] = inverse;
    rm[k] += spec.momentum * (here - rm[k]);
    rv[k] += spec.momentum * (static_cast<float>(m.squares / (m.count - 1)) - rv[k]);
    to[k].scale = pgamma[k] * inverse;
    to[k].shift = pbeta[k] - here * to[k].scale;
  });
  apply<T>(x, residual, to, spec, y);
}

template <class T>
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
  apply<T>(x, residual, to, spec, y);
}

template <class T>
void batch_norm_backward(const Tensor& dy, const Tensor& x, const Tensor& y, const Tensor& gamma, const Tensor& beta,
                         const Tensor& mean, const Tensor& inv_std, const BatchNormSpec& spec, bool batch_statistics,
                         Tensor& dx, Tensor& dresidual, Tensor& dgamma, Tensor& dbeta) {
  const int64_t c = x.shape().last(), pixels = x.elements() / c;
  const float *pgamma = gamma.data(), *pbeta = beta.data(), *pmean = mean.data(), *pinv = inv_std.data();
  const Scratch<Affine> affine(c);
  Affine* a = affine.data();
  each(c, [=] DEMIX_DEVICE(int64_t k) {
    a[k].scale = pgamma[k] * pinv[k];
    a[k].shift = pbeta[k] - pmean[k] * a[k].scale;
  });

  const int64_t part = rows_per_part(pixels, c), parts = (pixels + part - 1) / part;
  const Scratch<Slopes> all(parts * c);
  Slopes* slopes = all.data();
  const T *pdy = dy.as<T>(), *px = x.as<T>();
  const T* output = dresidual.defined() ? y.as<T>() : nullptr;
  T* given = dresidual.as<T>();
  each(parts * c, [=] DEMIX_DEVICE(int64_t i) {
    const int64_t k = i % c, first = i / c * part, last = first + part < pixels ? first + part : pixels;
    const Affine here = a[k];
    float sum = 0, product = 0;
    for (int64_t p = first; p < last; ++p) {
      const int64_t at = p * c + k;
      float slope = pdy[at];
      if (spec.relu && !((output ? float{output[at]} : px[at] * here.scale + here.shift) > 0))
        slope = spec.leak > 0 ? spec.leak * slope : 0;
      if (given) given[at] = slope;
      sum += slope;
      product += slope * (px[at] - pmean[k]);
    }
    slopes[i] = {sum, product};
  });
  merge_rows(slopes, parts, c, Add());

  // dx = gamma inv_std (dy - mean(dy) - xhat mean(dy xhat)), written as dy scale + (x - mean) by_x + constant
  const Scratch<Line> lines(c);
  Line* line = lines.data();
  float *pdgamma = dgamma.data(), *pdbeta = dbeta.data();
  each(c, [=] DEMIX_DEVICE(int64_t k) {
    const double inverse = pinv[k], count = static_cast<double>(pixels);
    pdbeta[k] = static_cast<float>(slopes[k].dy);
    pdgamma[k] = static_cast<float>(slopes[k].product * inverse);
    line[k] = {0, 0};
    if (!batch_statistics) return;
    line[k].by_x = static_cast<float>(-pgamma[k] * inverse * inverse * inverse * slopes[k].product / count);
    line[k].constant = static_cast<float>(-pgamma[k] * inverse * slopes[k].dy / count);
  });
  T* pdx = dx.as<T>();
  const bool masks = spec.relu && !given;
  const T* from = given ? given : pdy;
  each(dx.elements(), [=] DEMIX_DEVICE(int64_t i) {
    const int64_t k = i % c;
    const Affine here = a[k];
    float slope = from[i];
    if (masks && !(px[i] * here.scale + here.shift > 0)) slope = spec.leak > 0 ? spec.leak * slope : 0;
    pdx[i] = slope * here.scale + ((px[i] - pmean[k]) * line[k].by_x + line[k].constant);
  });
}

}  // namespace

void batch_norm_train(const Tensor& x, const Tensor& residual, const Tensor& gamma, const Tensor& beta,
                      const BatchNormSpec& spec, Tensor& running_mean, Tensor& running_var, Tensor& y, Tensor& mean,
                      Tensor& inv_std) {
  by_type(x.dtype(), [&](auto zero) {
    batch_norm_train<decltype(zero)>(x, residual, gamma, beta, spec, running_mean, running_var, y, mean, inv_std);
  });
}

void batch_norm_eval(const Tensor& x, const Tensor& residual, const Tensor& gamma, const Tensor& beta,
                     const BatchNormSpec& spec, const Tensor& running_mean, const Tensor& running_var, Tensor& y,
                     Tensor& inv_std) {
  by_type(x.dtype(), [&](auto zero) {
    batch_norm_eval<decltype(zero)>(x, residual, gamma, beta, spec, running_mean, running_var, y, inv_std);
  });
}

void batch_norm_backward(const Tensor& dy, const Tensor& x, const Tensor& y, const Tensor& gamma, const Tensor& beta,
                         const Tensor& mean, const Tensor& inv_std, const BatchNormSpec& spec, bool batch_statistics,
                         Tensor& dx, Tensor& dresidual, Tensor& dgamma, Tensor& dbeta) {
  by_type(x.dtype(), [&](auto zero) {
    batch_norm_backward<decltype(zero)>(dy, x, y, gamma, beta, mean, inv_std, spec, batch_statistics, dx, dresidual,
                                        dgamma, dbeta);
  });
}

}  // namespace engine::cuda
