#pragma once

#include "data/augment.h"
#include "engine/host_device.h"

// What the CPU and the GPU have in common where they prepare pictures.
namespace data {

/// Per channel: a byte v becomes v * scale + shift.
struct Scaling {
  std::array<float, 3> scale, shift;  // the shift alone is a black pixel

  explicit Scaling(const Normalization& normalization) {
    for (size_t k = 0; k < 3; ++k) {
      scale[k] = 1 / (255 * normalization.deviation[k]);
      shift[k] = -normalization.mean[k] / normalization.deviation[k];
    }
  }
  float operator()(int byte, size_t channel) const {
    return static_cast<float>(byte) * scale[channel] + shift[channel];
  }
};

/// The part of a picture (height, width) that a network is given: where it begins, and whether it is mirrored.
struct Part {
  int64_t height, width, y = 0, x = 0;
  bool mirrored = false;

  /// Shifts and mirrors it as the random numbers say.
  DEMIX_HOST_DEVICE void move(const Augmentation& augmentation, engine::Rng& rng) {
    if (augmentation.crop == Cropping::pad) {
      y += rng.below(2 * augmentation.pad + 1) - augmentation.pad;
      x += rng.below(2 * augmentation.pad + 1) - augmentation.pad;
    }
    mirrored = augmentation.flip && rng.below(2) == 1;
  }

  /// The pixel of the picture that is seen at (row, column) of (size, size). Where it lies beyond the border it is a
  /// reflection, which is black if the border is.
  struct Pixel {
    int64_t y, x;
    bool black;
  };
  DEMIX_HOST_DEVICE Pixel pixel(int64_t row, int64_t column, int64_t size, Border border) const {
    const int64_t at_y = y + row, at_x = x + (mirrored ? size - 1 - column : column);
    const bool inside = at_y >= 0 && at_y < height && at_x >= 0 && at_x < width;
    return {reflected(at_y, height), reflected(at_x, width), !inside && border == Border::zero};
  }

 private:
  DEMIX_HOST_DEVICE static int64_t reflected(int64_t i, int64_t end) {
    if (i < 0) return -i;
    return i < end ? i : 2 * (end - 1) - i;
  }
};

}  // namespace data
