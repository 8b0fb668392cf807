#include <algorithm>
#include <cmath>
#include <numeric>

#include "mixup/noise.h"

namespace mixup {

/// FMix (Harris et al., 2020): of noise with low frequencies, the pixels with the greatest values are kept, a share
/// lambda of all, rounded up or down by the toss of a coin.
Blend fmix(const Scene& scene, double alpha, engine::Rng& rng) {
  const double pixels = rng.beta(alpha, alpha) * static_cast<double>(scene.h * scene.w);
  const auto kept = static_cast<int64_t>(rng.below(2) == 1 ? std::ceil(pixels) : std::floor(pixels));
  const std::vector<float> noise = low_frequency_noise(scene, rng);
  std::vector<size_t> order(noise.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::nth_element(order.begin(), order.begin() + std::min(kept, scene.h * scene.w - 1), order.end(),
                   [&](size_t i, size_t j) { return noise[i] != noise[j] ? noise[i] > noise[j] : i < j; });
  Blend blend{std::vector<float>(noise.size())};
  for (auto i = order.begin(); i != order.begin() + kept; ++i) blend.mask[*i] = 1;
  return blend;
}

}  // namespace mixup
