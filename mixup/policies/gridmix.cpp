#include <cmath>

#include "mixup/policies/box.h"

namespace mixup {

/// GridMix (Baek, Bang, Shim, 2021): a random crop of half the area or more is divided into cells, two to six in a row,
/// and in the upper left corner of each a square hole of about 1 - lambda of the cell shows the donor.
Blend gridmix(const Scene& scene, double alpha, engine::Rng& rng) {
  const double area = rng.uniform(0.5, 1) * static_cast<double>(scene.h * scene.w), aspect = rng.uniform(0.5, 2);
  const auto crop_w = std::min(scene.w, static_cast<int64_t>(std::sqrt(area / aspect)));
  const auto crop_h = std::min(scene.h, static_cast<int64_t>(static_cast<double>(crop_w) * aspect));
  const int64_t top = rng.below(scene.h - crop_h + 1), left = rng.below(scene.w - crop_w + 1);
  const int64_t cells = 2 + rng.below(5), cell = std::max<int64_t>(2, (crop_w + cells - 1) / cells);
  const double side = static_cast<double>(cell) * std::sqrt(1 - rng.beta(alpha, alpha));
  const int64_t hole = std::clamp<int64_t>(static_cast<int64_t>(side), 1, cell - 1);

  Blend blend{uncut(scene)};
  for (int64_t y = top; y < top + crop_h; y += cell) {
    for (int64_t x = left; x < left + crop_w; x += cell) {
      cut(blend.mask, scene, {y, std::min(y + hole, top + crop_h), x, std::min(x + hole, left + crop_w)});
    }
  }
  return blend;
}

}  // namespace mixup
