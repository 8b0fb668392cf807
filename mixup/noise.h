#pragma once

#include "mixup/policies.h"

namespace mixup {

/// White noise (h, w) whose amplitude falls with the cube of the frequency: the real part of the inverse Fourier
/// transform of complex normal numbers times 1 / frequency^3, where the lowest frequency is one period an image. Its
/// scale means nothing.
std::vector<float> low_frequency_noise(const Scene& scene, engine::Rng& rng);

}  // namespace mixup
