#include <cmath>

#include "mixup/policies/box.h"

namespace mixup {

/// CutMix (Yun et al., 2019): a box with about 1 - lambda of the area shows the donor. Its centre is uniform, so the
/// border may clip it.
Blend cutmix(const Scene& scene, double alpha, engine::Rng& rng) {
  const double ratio = std::sqrt(1 - rng.beta(alpha, alpha));
  const int64_t cy = rng.below(scene.h), cx = rng.below(scene.w);
  Blend blend{uncut(scene)};
  cut(blend.mask, scene, box_around(cy, cx, ratio, scene));
  return blend;
}

}  // namespace mixup
