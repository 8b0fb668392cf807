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

  /// The row or column of the picture that is seen: beyond the border a reflection.
  struct Place {
    int64_t at;
    bool inside;
  };
  DEMIX_HOST_DEVICE Place row(int64_t i) const { return place(y + i, height); }
  DEMIX_HOST_DEVICE Place column(int64_t i, int64_t size) const {
    return place(x + (mirrored ? size - 1 - i : i), width);
  }

 private:
  DEMIX_HOST_DEVICE static Place place(int64_t i, int64_t end) {
    if (i < 0) return {-i, false};
    return i < end ? Place{i, true} : Place{2 * (end - 1) - i, false};
  }
};

}  // namespace data
