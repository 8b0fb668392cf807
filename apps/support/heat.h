#pragma once

#include <cstdint>
#include <vector>

#include "apps/support/picture.h"

namespace apps {

/// The colour of a heat from 0, black, over violet and orange to 1, pale yellow. Its lightness rises evenly, so that it
/// can be read without telling colours apart (after "inferno": Smith, van der Walt, 2015).
Colour heat_colour(float heat);

/// An image of RGB bytes that is dark where the heat of a pixel is 0 and takes on its colour where it is high.
std::vector<uint8_t> heated(const std::vector<uint8_t>& image, const float* heat);

}  // namespace apps
