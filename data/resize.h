#pragma once

#include <cstdint>

#include "data/image.h"

namespace data {

/// How pixels between pixels are found: from 2 x 2, or from 4 x 4 of them (Keys, 1981, with a = -1/2).
enum class Filter { bilinear, bicubic };

/// A rectangle of an image: its upper left corner and extents.
struct Crop {
  int64_t y, x, height, width;
};

/// A crop of a picture as a picture (height, width), smoothed where it shrinks, as Pillow does.
Image resize(const ImageView& picture, const Crop& crop, int64_t height, int64_t width, Filter filter);

/// Of the whole picture made (height, width), the part `window`; no more is computed.
Image resize_part(const ImageView& picture, int64_t height, int64_t width, const Crop& window, Filter filter);

}  // namespace data
