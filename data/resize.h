#pragma once

#include <cstdint>

namespace data {

/// How pixels between pixels are found: from 2 x 2, or from 4 x 4 of them (Keys, 1981, with a = -1/2).
enum class Filter { bilinear, bicubic };

/// A rectangle of an image: its upper left corner and extents.
struct Crop {
  int64_t y, x, height, width;
};

/// Writes a crop of an image (height, image_width, 3) as an image (oh, ow, 3), smoothed where it shrinks, as Pillow
/// does.
void resize(const uint8_t* image, int64_t image_width, const Crop& crop, int64_t oh, int64_t ow, Filter filter,
            uint8_t* out);

}  // namespace data
