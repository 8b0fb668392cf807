#include "mixup/saliency.h"

#include <algorithm>
#include <cmath>

namespace mixup {
namespace {

/// Brightness (h, w) of an image, red first; the mean where it has other channels than three.
std::vector<double> brightness(const Scene& scene) {
  std::vector<double> values;
  for (int64_t i = 0; i < scene.h * scene.w; ++i) {
    const float* pixel = scene.donor + i * scene.c;
    double sum = 0;
    for (int64_t k = 0; k < scene.c; ++k) sum += pixel[k];
    values.push_back(scene.c == 3 ? 0.299 * pixel[0] + 0.587 * pixel[1] + 0.114 * pixel[2]
                                  : sum / static_cast<double>(scene.c));
  }
  return values;
}

/// The sums of the rectangles from the upper left corner, (h + 1, w + 1): any rectangle's sum is four of them.
class Integral {
 public:
  Integral(const std::vector<double>& values, int64_t h, int64_t w)
      : stride_(w + 1), sums_(static_cast<size_t>((h + 1) * (w + 1))) {
    for (int64_t y = 0; y < h; ++y) {
      double row = 0;
      for (int64_t x = 0; x < w; ++x) {
        row += values[static_cast<size_t>(y * w + x)];
        sums_[index(y + 1, x + 1)] = sums_[index(y, x + 1)] + row;
      }
    }
  }
  double sum(const Box& b) const {
    return sums_[index(b.y1, b.x1)] - sums_[index(b.y0, b.x1)] - sums_[index(b.y1, b.x0)] + sums_[index(b.y0, b.x0)];
  }

 private:
  size_t index(int64_t y, int64_t x) const { return static_cast<size_t>(y * stride_ + x); }
  int64_t stride_;
  std::vector<double> sums_;
};

}  // namespace

std::vector<float> saliency(const Scene& scene) {
  const int64_t h = scene.h, w = scene.w;
  const std::vector<double> values = brightness(scene);
  const Integral integral(values, h, w);
  std::vector<float> map;
  for (int64_t y = 0; y < h; ++y) {
    for (int64_t x = 0; x < w; ++x) {
      const double centre = values[static_cast<size_t>(y * w + x)];
      double difference = 0;
      for (int64_t reach : {12, 24, 28, 48, 56, 112}) {
        const Box around{std::max<int64_t>(0, y - reach), std::min(h, y + reach + 1), std::max<int64_t>(0, x - reach),
                         std::min(w, x + reach + 1)};
        const auto others = static_cast<double>(around.height() * around.width() - 1);
        if (others > 0) difference += std::abs(centre - (integral.sum(around) - centre) / others);
      }
      map.push_back(static_cast<float>(difference));
    }
  }
  return map;
}

}  // namespace mixup
