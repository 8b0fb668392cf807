#pragma once

#include <array>
#include <cstdint>

#include "data/resize.h"
#include "engine/rng.h"

namespace data {

/// Per channel: a byte v becomes (v / 255 - mean) / deviation.
struct Normalization {
  std::array<float, 3> mean{0, 0, 0}, deviation{1, 1, 1};
};

/// What lies beyond the border when a picture is shifted.
enum class Border { zero, reflect };

/// How the content of a picture is moved: shifted, or a random part of it made as large as the picture.
enum class Cropping { pad, resized };

/// Random changes of a training picture: shifted by up to `pad` pixels (a random crop of the padded picture), or a part
/// of it of `smallest` to all of its area and of aspect 3/4 to 4/3 made as large again (Szegedy et al., 2015); and
/// mirrored half of the time.
struct Augmentation {
  int pad = 0;
  Border border = Border::zero;
  bool flip = false;
  Cropping crop = Cropping::pad;
  double smallest = 0.08;
  Filter filter = Filter::bilinear;
};

/// The part that Cropping::resized takes of a picture (height, width).
Crop random_part(int64_t height, int64_t width, double smallest, engine::Rng& rng);

/// Writes a picture (size, size, 3) of bytes as normalised floats, changed as the random numbers say.
void prepare(const uint8_t* picture, int64_t size, const Normalization& normalization, const Augmentation& augmentation,
             engine::Rng rng, float* out);

/// The byte that was normalised to `value`.
uint8_t denormalize(float value, const Normalization& normalization, int channel);

}  // namespace data
