#include "mixup/policies.h"

namespace mixup {

/// ManifoldMix (Verma et al., 2019): Mixup, of the images or of what the first or the second stage of the network makes
/// of them. The table of policies says so; the gradient flows back through both images.
Blend manifoldmix(const Scene& scene, double alpha, engine::Rng& rng) { return mixup(scene, alpha, rng); }

}  // namespace mixup
