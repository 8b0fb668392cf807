#pragma once

#include <cmath>
#include <functional>
#include <vector>

#include "engine/kernels.h"

/// Every kernel as plain float64 loops: what the fast ones are proven against, and the place to read what an op does.
namespace reference {

using engine::Conv2dSpec;
using engine::Pool2dSpec;
using engine::Shape;

/// A tensor of doubles, indexed by its extents.
struct Array {
  Shape shape;
  std::vector<double> values;

  explicit Array(Shape s) : shape(s), values(static_cast<size_t>(s.elements())) {}
  explicit Array(const engine::Tensor& t) : shape(t.shape()), values(t.data(), t.data() + t.elements()) {}

  double& operator()(int64_t i, int64_t j = 0, int64_t k = 0, int64_t l = 0) { return values[index(i, j, k, l)]; }
  double operator()(int64_t i, int64_t j = 0, int64_t k = 0, int64_t l = 0) const { return values[index(i, j, k, l)]; }
  /// Zero outside the image: what padding means to a convolution.
  double padded(int64_t n, int64_t h, int64_t w, int64_t c) const {
    return h < 0 || w < 0 || h >= shape[1] || w >= shape[2] ? 0 : (*this)(n, h, w, c);
  }

 private:
  size_t index(int64_t i, int64_t j, int64_t k, int64_t l) const {
    int64_t offset = i;
    if (shape.rank() > 1) offset = offset * shape[1] + j;
    if (shape.rank() > 2) offset = offset * shape[2] + k;
    if (shape.rank() > 3) offset = offset * shape[3] + l;
    return static_cast<size_t>(offset);
  }
};

inline Array map(const Array& x, const std::function<double(double)>& f) {
  Array y(x.shape);
  for (size_t i = 0; i < y.values.size(); ++i) y.values[i] = f(x.values[i]);
  return y;
}

inline Array add(const Array& a, const Array& b) {
  Array y(a.shape);
  for (size_t i = 0; i < y.values.size(); ++i) y.values[i] = a.values[i] + b.values[i];
  return y;
}

inline Array reshape(const Array& x, Shape shape) {
  Array y = x;
  y.shape = shape;
  return y;
}

inline Array conv2d(const Array& x, const Array& weight, const Conv2dSpec& spec) {
  const Shape &in = x.shape, &k = weight.shape;
  const int64_t group_oc = k[0] / spec.groups;
  Array y(
      {in[0], (in[1] + 2 * spec.pad - k[1]) / spec.stride + 1, (in[2] + 2 * spec.pad - k[2]) / spec.stride + 1, k[0]});
  for (int64_t n = 0; n < in[0]; ++n)
    for (int64_t oy = 0; oy < y.shape[1]; ++oy)
      for (int64_t ox = 0; ox < y.shape[2]; ++ox)
        for (int64_t oc = 0; oc < k[0]; ++oc)
          for (int64_t ky = 0; ky < k[1]; ++ky)
            for (int64_t kx = 0; kx < k[2]; ++kx)
              for (int64_t ic = 0; ic < k[3]; ++ic)
                y(n, oy, ox, oc) +=
                    weight(oc, ky, kx, ic) * x.padded(n, oy * spec.stride - spec.pad + ky,
                                                      ox * spec.stride - spec.pad + kx, oc / group_oc * k[3] + ic);
  return y;
}

/// The gradients of conv2d for x and weight, from dy.
inline std::pair<Array, Array> conv2d_gradients(const Array& x, const Array& weight, const Array& dy,
                                                const Conv2dSpec& spec) {
  const Shape &k = weight.shape, &out = dy.shape;
  const int64_t group_oc = k[0] / spec.groups;
  Array dx(x.shape), dweight(k);
  for (int64_t n = 0; n < out[0]; ++n)
    for (int64_t oy = 0; oy < out[1]; ++oy)
      for (int64_t ox = 0; ox < out[2]; ++ox)
        for (int64_t ky = 0; ky < k[1]; ++ky)
          for (int64_t kx = 0; kx < k[2]; ++kx) {
            const int64_t iy = oy * spec.stride - spec.pad + ky, ix = ox * spec.stride - spec.pad + kx;
            if (iy < 0 || iy >= x.shape[1] || ix < 0 || ix >= x.shape[2]) continue;
            for (int64_t oc = 0; oc < k[0]; ++oc)
              for (int64_t ic = 0; ic < k[3]; ++ic) {
                dx(n, iy, ix, oc / group_oc * k[3] + ic) += weight(oc, ky, kx, ic) * dy(n, oy, ox, oc);
                dweight(oc, ky, kx, ic) += x(n, iy, ix, oc / group_oc * k[3] + ic) * dy(n, oy, ox, oc);
              }
          }
  return {dx, dweight};
}

/// Normalises the channels by the given mean and variance.
inline Array normalize(const Array& x, const Array& gamma, const Array& beta, const Array& mean, const Array& var) {
  const int64_t c = x.shape.last();
  Array y(x.shape);
  for (int64_t i = 0; i < x.shape.elements(); ++i) {
    const auto at = static_cast<size_t>(i), k = static_cast<size_t>(i % c);
    y.values[at] = gamma.values[k] * (x.values[at] - mean.values[k]) / std::sqrt(var.values[k] + 1e-5) + beta.values[k];
  }
  return y;
}

inline Array channel_mean(const Array& x) {
  const int64_t c = x.shape.last();
  Array mean({c});
  for (int64_t i = 0; i < x.shape.elements(); ++i) mean(i % c) += x.values[static_cast<size_t>(i)];
  for (double& m : mean.values) m *= static_cast<double>(c) / static_cast<double>(x.shape.elements());
  return mean;
}

inline Array channel_variance(const Array& x) {
  const Array mean = channel_mean(x);
  Array squares(x.shape);
  for (int64_t i = 0; i < x.shape.elements(); ++i) {
    squares.values[static_cast<size_t>(i)] = std::pow(x.values[static_cast<size_t>(i)] - mean(i % x.shape.last()), 2);
  }
  return channel_mean(squares);
}

inline Array batch_norm_train(const Array& x, const Array& gamma, const Array& beta) {
  return normalize(x, gamma, beta, channel_mean(x), channel_variance(x));
}

inline Array linear(const Array& x, const Array& weight, const Array& bias) {
  Array y({x.shape[0], weight.shape[0]});
  for (int64_t n = 0; n < x.shape[0]; ++n)
    for (int64_t oc = 0; oc < weight.shape[0]; ++oc) {
      y(n, oc) = bias(oc);
      for (int64_t ic = 0; ic < x.shape[1]; ++ic) y(n, oc) += x(n, ic) * weight(oc, ic);
    }
  return y;
}

/// Folds `join` over every window, starting from `start`.
inline Array pool2d(const Array& x, const Pool2dSpec& spec, double start, double outside,
                    const std::function<double(double, double)>& join) {
  const Shape& in = x.shape;
  const auto extent = [&](int64_t size) { return (size + 2 * spec.pad - spec.kernel) / spec.stride + 1; };
  Array y({in[0], extent(in[1]), extent(in[2]), in[3]});
  for (int64_t n = 0; n < in[0]; ++n)
    for (int64_t oy = 0; oy < y.shape[1]; ++oy)
      for (int64_t ox = 0; ox < y.shape[2]; ++ox)
        for (int64_t c = 0; c < in[3]; ++c) {
          double value = start;
          for (int64_t ky = 0; ky < spec.kernel; ++ky)
            for (int64_t kx = 0; kx < spec.kernel; ++kx) {
              const int64_t h = oy * spec.stride - spec.pad + ky, w = ox * spec.stride - spec.pad + kx;
              const bool inside = h >= 0 && w >= 0 && h < in[1] && w < in[2];
              value = join(value, inside ? x(n, h, w, c) : outside);
            }
          y(n, oy, ox, c) = value;
        }
  return y;
}

inline Array max_pool2d(const Array& x, const Pool2dSpec& spec) {
  return pool2d(x, spec, -INFINITY, -INFINITY, [](double a, double b) { return std::max(a, b); });
}

inline Array avg_pool2d(const Array& x, const Pool2dSpec& spec) {
  const double area = static_cast<double>(spec.kernel * spec.kernel);
  return map(pool2d(x, spec, 0, 0, [](double a, double b) { return a + b; }), [=](double sum) { return sum / area; });
}

inline Array global_avg_pool(const Array& x) {
  const Shape& in = x.shape;
  Array y({in[0], in[3]});
  for (int64_t n = 0; n < in[0]; ++n)
    for (int64_t h = 0; h < in[1]; ++h)
      for (int64_t w = 0; w < in[2]; ++w)
        for (int64_t c = 0; c < in[3]; ++c) y(n, c) += x(n, h, w, c) / static_cast<double>(in[1] * in[2]);
  return y;
}

/// Images y[i] = mask[i] x[i] + (1 - mask[i]) source[partner[i]], the mask (n, h, w, 1) or (n, 1, 1, 1).
inline Array mix(const Array& x, const Array& source, const std::vector<int>& partner, const Array& mask) {
  Array y(x.shape);
  for (int64_t n = 0; n < x.shape[0]; ++n)
    for (int64_t h = 0; h < x.shape[1]; ++h)
      for (int64_t w = 0; w < x.shape[2]; ++w)
        for (int64_t c = 0; c < x.shape[3]; ++c) {
          const double share = mask.shape[1] == 1 && mask.shape[2] == 1 ? mask(n) : mask(n, h, w);
          y(n, h, w, c) = share * x(n, h, w, c) + (1 - share) * source(partner[static_cast<size_t>(n)], h, w, c);
        }
  return y;
}

inline Array log_softmax(const Array& x) {
  Array y(x.shape);
  for (int64_t n = 0; n < x.shape[0]; ++n) {
    double max = -INFINITY, sum = 0;
    for (int64_t c = 0; c < x.shape[1]; ++c) max = std::max(max, x(n, c));
    for (int64_t c = 0; c < x.shape[1]; ++c) sum += std::exp(x(n, c) - max);
    for (int64_t c = 0; c < x.shape[1]; ++c) y(n, c) = x(n, c) - max - std::log(sum);
  }
  return y;
}

inline Array softmax_cross_entropy(const Array& logits, const Array& target) {
  const Array log_p = log_softmax(logits);
  Array loss({1});
  for (size_t i = 0; i < log_p.values.size(); ++i) {
    loss(0) -= target.values[i] * log_p.values[i] / static_cast<double>(logits.shape[0]);
  }
  return loss;
}

}  // namespace reference
