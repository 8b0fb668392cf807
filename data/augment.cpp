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

void prepare(const ImageView& picture, int64_t size, const Normalization& normalization,
             const Augmentation& augmentation, engine::Rng rng, float* out) {
  std::array<float, 3> scale, shift;
  for (size_t k = 0; k < 3; ++k) {
    scale[k] = 1 / (255 * normalization.deviation[k]);
    shift[k] = -normalization.mean[k] / normalization.deviation[k];
  }
  Image part;
  int64_t height = picture.height, width = picture.width;  // of the whole picture
  Crop window{0, 0, height, width};                        // the part of it that is at hand
  const uint8_t* pixels = picture.pixels;
  int64_t dy = 0, dx = 0;
  if (augmentation.crop == Cropping::resized) {
    const Crop crop = random_part(height, width, augmentation.smallest, rng);
    part = resize(picture, crop, size, size, augmentation.filter);
    window = {0, 0, height = size, width = size};
  } else {
    const int64_t pad = augmentation.pad, side = augmentation.shorter_side, shorter = std::min(height, width);
    if (side > 0) {
      height = height == shorter ? side : height * side / shorter;
      width = width == shorter ? side : width * side / shorter;
    }
    ENSURE(height >= size && width >= size, "a picture of ", width, " x ", height, " pixels is too small to take ",
           size, " x ", size, " from it");
    ENSURE(pad >= 0 && pad < size, "augmentation: pad ", pad, " for pictures of ", size);
    // Half a pixel goes to the even side, as torchvision has it.
    dy = std::lrint(static_cast<double>(height - size) / 2);
    dx = std::lrint(static_cast<double>(width - size) / 2);
    if (side > 0 && side != shorter) {
      window.y = std::max<int64_t>(0, dy - pad), window.x = std::max<int64_t>(0, dx - pad);
      window.height = std::min(height, dy + size + pad) - window.y;
      window.width = std::min(width, dx + size + pad) - window.x;
      part = resize_part(picture, height, width, window, augmentation.filter);
    }
    dy += rng.below(2 * pad + 1) - pad;
    dx += rng.below(2 * pad + 1) - pad;
  }
  if (!part.pixels.empty()) pixels = part.pixels.data();
  const bool mirrored = augmentation.flip && rng.below(2) == 1;

  for (int64_t y = 0; y < size; ++y) {
    for (int64_t x = 0; x < size; ++x, out += 3) {
      int64_t sy = y + dy, sx = (mirrored ? size - 1 - x : x) + dx;
      const bool inside = sy >= 0 && sy < height && sx >= 0 && sx < width;
      if (!inside && augmentation.border == Border::zero) {
        std::copy(shift.begin(), shift.end(), out);  // a black pixel
        continue;
      }
      sy = reflected(sy, height) - window.y;
      sx = reflected(sx, width) - window.x;
      const uint8_t* pixel = pixels + (sy * window.width + sx) * 3;
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
