#pragma once

#include "mixup/policies.h"

namespace mixup {

/// How much each pixel (h, w) stands out, 0 or more (fine-grained static saliency: Montabone, Soto, 2010): the
/// difference of its brightness to the mean of the square around it without itself, summed over squares that reach 12,
/// 24, 28, 48, 56 and 112 pixels far. A square ends where the image ends.
std::vector<float> saliency(const Scene& scene);

}  // namespace mixup
