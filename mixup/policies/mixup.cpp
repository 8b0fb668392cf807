#include "mixup/policies.h"

namespace mixup {

/// Mixup (Zhang et al., 2018): every pixel is lambda of itself plus 1 - lambda of the donor's.
Blend mixup(const Scene&, double alpha, engine::Rng& rng) { return {{static_cast<float>(rng.beta(alpha, alpha))}}; }

}  // namespace mixup
