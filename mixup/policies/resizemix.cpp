#include "mixup/policies/box.h"

namespace mixup {

/// ResizeMix (Qin et al., 2020): the whole donor, made smaller, is pasted into a box whose sides are ratio times the
/// image's. The ratio is uniform in [0.1, 0.8] for alpha 1, and in general Beta(alpha, alpha) drawn again until it is
/// in there. The border may clip the box; the donor is squeezed into what is left.
Blend resizemix(const Scene& scene, double alpha, engine::Rng& rng) {
  double ratio = 0;
  while (!(ratio >= 0.1 && ratio <= 0.8)) ratio = rng.beta(alpha, alpha);
  const int64_t cy = rng.below(scene.h), cx = rng.below(scene.w);
  const Box box = box_around(cy, cx, ratio, scene);
  Blend blend{uncut(scene), box};
  cut(blend.mask, scene, box);
  return blend;
}

}  // namespace mixup
