#include "data/augment.h"

#include <algorithm>
#include <cmath>

#include "engine/error.h"

namespace data {
namespace {

int64_t reflected(int64_t i, int64_t size) {
  if (i < 0) return -i;
  return i < size ? i : 2 * (size - 1) - i;
}

}  // namespace

void prepare(const uint8_t* picture, int64_t size, const Normalization& normalization, const Augmentation& augmentation,
             engine::Rng rng, float* out) {
  ENSURE(augmentation.pad >= 0 && augmentation.pad < size, "augmentation: pad ", augmentation.pad, " for pictures of ",
         size);
  std::array<float, 3> scale, shift;
  for (size_t k = 0; k < 3; ++k) {
    scale[k] = 1 / (255 * normalization.deviation[k]);
    shift[k] = -normalization.mean[k] / normalization.deviation[k];
  }
  const int64_t dy = rng.below(2 * augmentation.pad + 1) - augmentation.pad;
  const int64_t dx = rng.below(2 * augmentation.pad + 1) - augmentation.pad;
  const bool mirrored = augmentation.flip && rng.below(2) == 1;

  for (int64_t y = 0; y < size; ++y) {
    for (int64_t x = 0; x < size; ++x, out += 3) {
      int64_t sy = y + dy, sx = (mirrored ? size - 1 - x : x) + dx;
      const bool inside = sy >= 0 && sy < size && sx >= 0 && sx < size;
      if (!inside && augmentation.border == Border::zero) {
        std::copy(shift.begin(), shift.end(), out);  // a black pixel
        continue;
      }
      sy = reflected(sy, size);
      sx = reflected(sx, size);
      const uint8_t* pixel = picture + (sy * size + sx) * 3;
      for (size_t k = 0; k < 3; ++k) out[k] = static_cast<float>(pixel[k]) * scale[k] + shift[k];
    }
  }
}

uint8_t denormalize(float value, const Normalization& normalization, int channel) {
  const auto k = static_cast<size_t>(channel);
  const float byte = 255 * (value * normalization.deviation[k] + normalization.mean[k]);
  return static_cast<uint8_t>(std::clamp(std::lround(byte), 0l, 255l));
}

}  // namespace data
