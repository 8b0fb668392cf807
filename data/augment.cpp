#include "data/augment.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "data/pixel.h"
#include "engine/error.h"

namespace data {

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
  Image resized;
  int64_t height = picture.height, width = picture.width;  // of the whole picture
  Crop window{0, 0, height, width};                        // the part of it that is at hand
  const uint8_t* pixels = picture.pixels;
  int64_t dy = 0, dx = 0;
  if (augmentation.crop == Cropping::resized) {
    const Crop crop = random_part(height, width, augmentation.smallest, rng);
    resized = resize(picture, crop, size, size, augmentation.filter);
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
      resized = resize_part(picture, height, width, window, augmentation.filter);
    }
  }
  if (!resized.pixels.empty()) pixels = resized.pixels.data();
  Part part{height, width, dy, dx};
  part.move(augmentation, rng);
  const Scaling scaling(normalization);
  const bool reflects = augmentation.border == Border::reflect;
  for (int64_t i = 0; i < size; ++i) {
    const Part::Place row = part.row(i);
    const uint8_t* line = pixels + (row.at - window.y) * window.width * 3;
    for (int64_t j = 0; j < size; ++j, out += 3) {
      const Part::Place column = part.column(j, size);
      if (!reflects && !(row.inside && column.inside)) {  // a black pixel
        std::copy(scaling.shift.begin(), scaling.shift.end(), out);
      } else {
        const uint8_t* pixel = line + (column.at - window.x) * 3;
        for (size_t k = 0; k < 3; ++k) out[k] = scaling(pixel[k], k);
      }
    }
  }
}

uint8_t denormalize(float value, const Normalization& normalization, int channel) {
  const auto k = static_cast<size_t>(channel);
  const float byte = 255 * (value * normalization.deviation[k] + normalization.mean[k]);
  return static_cast<uint8_t>(std::clamp(std::lround(byte), 0l, 255l));
}

}  // namespace data
