#pragma once

#include <array>
#include <cstdint>

#include "data/image.h"
#include "data/resize.h"
#include "engine/rng.h"

namespace data {

/// Per channel: a byte v becomes (v / 255 - mean) / deviation.
struct Normalization {
  std::array<float, 3> mean{0, 0, 0}, deviation{1, 1, 1};
};

/// The numbers of ImageNet, customary for photographs.
constexpr Normalization imagenet_normalization{{0.485f, 0.456f, 0.406f}, {0.229f, 0.224f, 0.225f}};

/// What lies beyond the border when a picture is shifted.
enum class Border { zero, reflect };

/// How a picture for a network is taken from one: the middle, shifted, or a random part made as large as is wanted.
enum class Cropping { pad, resized };

/// How a picture is seen. Either its middle is taken, shifted by up to `pad` pixels (for a picture of the wanted size:
/// a random crop of the padded picture), after the picture was made larger or smaller, where that is asked for, until
/// its shorter side has `shorter_side` pixels. Or a part of `smallest` to all of its area and of aspect 3/4 to 4/3 is
/// made as large as is wanted (Szegedy et al., 2015). Half of the time it is mirrored, if `flip` says so.
struct Augmentation {
  int pad = 0;
  Border border = Border::zero;
  bool flip = false;
  Cropping crop = Cropping::pad;
  double smallest = 0.08;
  Filter filter = Filter::bilinear;
  int64_t shorter_side = 0;  // 0: as it is
};

/// The part that Cropping::resized takes of a picture (height, width).
Crop random_part(int64_t height, int64_t width, double smallest, engine::Rng& rng);

/// Writes a picture as normalised floats (size, size, 3), seen as the random numbers say. An Error where the picture is
/// too small to take its middle.
void prepare(const ImageView& picture, int64_t size, const Normalization& normalization,
             const Augmentation& augmentation, engine::Rng rng, float* out);

/// The byte that was normalised to `value`.
uint8_t denormalize(float value, const Normalization& normalization, int channel);

}  // namespace data
