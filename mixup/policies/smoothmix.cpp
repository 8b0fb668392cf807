#include <cmath>

#include "mixup/policies.h"

namespace mixup {

/// SmoothMix (Lee et al., 2020): the donor shows through a Gaussian bump of height 1 around a uniform centre, whose
/// deviation is a quarter to a half of the image's sides. It draws no lambda.
Blend smoothmix(const Scene& scene, double, engine::Rng& rng) {
  const double cy = static_cast<double>(rng.below(scene.h)), cx = static_cast<double>(rng.below(scene.w));
  const double width = rng.uniform(0.25, 0.5);
  Blend blend;
  for (int64_t y = 0; y < scene.h; ++y) {
    for (int64_t x = 0; x < scene.w; ++x) {
      const double v = (static_cast<double>(y) - cy) / (width * static_cast<double>(scene.h));
      const double u = (static_cast<double>(x) - cx) / (width * static_cast<double>(scene.w));
      blend.mask.push_back(static_cast<float>(1 - std::exp(-(u * u + v * v) / 2)));
    }
  }
  return blend;
}

}  // namespace mixup
