#include "apps/support/grad_cam.h"

#include <algorithm>
#include <cmath>
#include <optional>

namespace apps {
namespace {

using engine::Device;
using engine::Shape;
using engine::Tensor;
using engine::Variable;

/// The sum over the rows of logits (n, classes) of the one that is asked for.
Variable sum_of_chosen(const Variable& logits, const std::vector<int>& chosen) {
  const int64_t classes = logits.shape()[1];
  const Tensor scores = logits.value().to(Device::cpu);
  Tensor sum = Tensor::zeros({1});
  for (size_t i = 0; i < chosen.size(); ++i) {
    ENSURE(chosen[i] >= 0 && chosen[i] < classes, "grad_cam: class ", chosen[i], " of ", classes);
    sum.data()[0] += scores.data()[static_cast<int64_t>(i) * classes + chosen[i]];
  }
  return record("sum of chosen", sum.to(logits.value().device()), {logits},
                [chosen, shape = logits.shape()](const Tensor& dy, auto& dx) {
                  Tensor gradient = Tensor::zeros(shape);
                  for (size_t i = 0; i < chosen.size(); ++i) {
                    gradient.data()[static_cast<int64_t>(i) * shape[1] + chosen[i]] = dy.item();
                  }
                  dx.give(0, gradient.to(dy.device()));
                });
}

/// Between which two of `in` numbers the centre of number i of `out` lies, and how near the second is.
struct Between {
  int64_t first, second;
  float weight;

  Between(int64_t i, int64_t in, int64_t out) {
    const double at = (static_cast<double>(i) + 0.5) * static_cast<double>(in) / static_cast<double>(out) - 0.5;
    const double inside = std::clamp(at, 0.0, static_cast<double>(in - 1));
    first = static_cast<int64_t>(inside);
    second = std::min(first + 1, in - 1);
    weight = static_cast<float>(inside - static_cast<double>(first));
  }
  float of(float a, float b) const { return a + weight * (b - a); }
};

}  // namespace

Tensor enlarged(const Tensor& maps, int64_t height, int64_t width) {
  const int64_t n = maps.shape()[0], h = maps.shape()[1], w = maps.shape()[2];
  Tensor large({n, height, width});
  float* to = large.data();
  for (int64_t i = 0; i < n; ++i) {
    const float* map = maps.data() + i * h * w;
    for (int64_t y = 0; y < height; ++y) {
      const Between row(y, h, height);
      for (int64_t x = 0; x < width; ++x) {
        const Between column(x, w, width);
        const auto across = [&](int64_t line) {
          return column.of(map[line * w + column.first], map[line * w + column.second]);
        };
        *to++ = row.of(across(row.first), across(row.second));
      }
    }
  }
  return large;
}

Tensor grad_cam(nn::Network& network, const Tensor& images, const std::vector<int>& classes) {
  const int64_t n = images.shape()[0];
  ENSURE(network.stages() > 0, "grad_cam: the network has no stages");
  ENSURE(static_cast<int64_t>(classes.size()) == n, "grad_cam: ", classes.size(), " classes for ", n, " images");
  Variable last;
  std::optional<engine::NoGrad> before_last(std::in_place);
  const Variable logits =
      network.forward(Variable(images.to(device_of(network))), nn::Mode::eval, [&](int stage, const Variable& y) {
        if (stage < network.stages()) return y;
        before_last.reset();
        return last = Variable::leaf(y.value());
      });
  const std::vector<float> gradient = engine::gradient(sum_of_chosen(logits, classes), last).to_vector(),
                           features = last.value().to_vector();

  const Shape& shape = last.shape();
  const int64_t h = shape[1], w = shape[2], channels = shape[3];
  Tensor maps({n, h, w});
  for (int64_t i = 0; i < n; ++i) {
    const float *dy = gradient.data() + i * h * w * channels, *y = features.data() + i * h * w * channels;
    std::vector<double> weights(static_cast<size_t>(channels));  // sums, not means: the maps are divided in the end
    for (int64_t k = 0; k < h * w * channels; ++k) weights[static_cast<size_t>(k % channels)] += dy[k];
    for (int64_t cell = 0; cell < h * w; ++cell) {
      double sum = 0;
      for (int64_t c = 0; c < channels; ++c) sum += weights[static_cast<size_t>(c)] * y[cell * channels + c];
      maps.data()[i * h * w + cell] = static_cast<float>(std::max(0.0, sum));
    }
  }
  Tensor large = enlarged(maps, images.shape()[1], images.shape()[2]);
  const int64_t pixels = large.elements() / n;
  for (int64_t i = 0; i < n; ++i) {
    float* map = large.data() + i * pixels;
    const float most = *std::max_element(map, map + pixels);
    const bool usable = most > 0 && std::isfinite(most);
    std::transform(map, map + pixels, map, [&](float heat) { return usable ? heat / most : 0; });
  }
  return large;
}

}  // namespace apps
