#include <algorithm>
#include <cmath>

#include "mixup/policies/box.h"
#include "mixup/saliency.h"

namespace mixup {

/// SaliencyMix (Uddin et al., 2021): CutMix's box, centred where the donor is most salient.
Blend saliencymix(const Scene& scene, double alpha, engine::Rng& rng) {
  const double ratio = std::sqrt(1 - rng.beta(alpha, alpha));
  const std::vector<float> map = saliency(scene);
  const int64_t peak = std::max_element(map.begin(), map.end()) - map.begin();
  Blend blend{uncut(scene)};
  cut(blend.mask, scene, box_around(peak / scene.w, peak % scene.w, ratio, scene));
  return blend;
}

}  // namespace mixup
