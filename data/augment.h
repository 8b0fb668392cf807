#pragma once

#include <array>
#include <cstdint>

#include "engine/rng.h"

namespace data {

/// Per channel: a byte v becomes (v / 255 - mean) / deviation.
struct Normalization {
  std::array<float, 3> mean{0, 0, 0}, deviation{1, 1, 1};
};

/// What lies beyond the border when a picture is shifted.
enum class Border { zero, reflect };

/// Random changes of a training picture: shifted by up to `pad` pixels (a random crop of the padded picture) and
/// mirrored half of the time.
struct Augmentation {
  int pad = 0;
  Border border = Border::zero;
  bool flip = false;
};

/// Writes a picture (size, size, 3) of bytes as normalised floats, changed as the random numbers say.
void prepare(const uint8_t* picture, int64_t size, const Normalization& normalization, const Augmentation& augmentation,
             engine::Rng rng, float* out);

/// The byte that was normalised to `value`.
uint8_t denormalize(float value, const Normalization& normalization, int channel);

}  // namespace data
