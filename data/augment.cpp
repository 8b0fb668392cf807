#include "data/augment.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "engine/error.h"

namespace data {
namespace {

int64_t reflected(int64_t i, int64_t size) {
  if (i < 0) return -i;
  return i < size ? i : 2 * (size - 1) - i;
}

}  // namespace

Crop random_part(int64_t height, int64_t width, double smallest, engine::Rng& rng) {
  const auto h = static_cast<double>(height), w = static_cast<double>(width);
  for (int attempt = 0; attempt < 10; ++attempt) {
    const double area = h * w * rng.uniform(smallest, 1), aspect = std::exp(rng.uniform(-1, 1) * std::log(4.0 / 3));
    const auto part_w = std::lround(std::sqrt(area * aspect)), part_h = std::lround(std::sqrt(area / aspect));
    if (part_w < 1 || part_h < 1 || part_w > width || part_h > height) continue;
    const int64_t y = rng.below(height - part_h + 1), x = rng.below(width - part_w + 1);
    return {y, x, part_h, part_w};
  }
  // As much as the aspect allows, from the middle.
  const auto part_w = std::min<int64_t>(width, std::lround(h * 4 / 3));
  const auto part_h = std::min<int64_t>(height, std::lround(w * 4 / 3));
  return {(height - part_h) / 2, (width - part_w) / 2, part_h, part_w};
}

void prepare(const uint8_t* picture, int64_t size, const Normalization& normalization, const Augmentation& augmentation,
             engine::Rng rng, float* out) {
  ENSURE(augmentation.pad >= 0 && augmentation.pad < size, "augmentation: pad ", augmentation.pad, " for pictures of ",
         size);
  std::array<float, 3> scale, shift;
  for (size_t k = 0; k < 3; ++k) {
    scale[k] = 1 / (255 * normalization.deviation[k]);
    shift[k] = -normalization.mean[k] / normalization.deviation[k];
  }
  std::vector<uint8_t> part;
  if (augmentation.crop == Cropping::resized) {
    part.resize(static_cast<size_t>(size * size * 3));
    resize(picture, size, random_part(size, size, augmentation.smallest, rng), size, size, augmentation.filter,
           part.data());
    picture = part.data();
  }
  const int64_t pad = augmentation.crop == Cropping::pad ? augmentation.pad : 0;
  const int64_t dy = rng.below(2 * pad + 1) - pad, dx = rng.below(2 * pad + 1) - pad;
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
