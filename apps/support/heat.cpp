#include "apps/support/heat.h"

#include <algorithm>
#include <cmath>

namespace apps {

Colour heat_colour(float heat) {
  static constexpr Colour stops[] = {{0, 0, 4}, {87, 16, 110}, {188, 55, 84}, {249, 142, 9}, {252, 255, 164}};
  const float at = std::clamp(heat, 0.0f, 1.0f) * 4;
  const int first = std::min(3, static_cast<int>(at));
  Colour colour;
  for (size_t c = 0; c < 3; ++c) {
    const float a = stops[first][c], b = stops[first + 1][c];
    colour[c] = static_cast<uint8_t>(std::lround(a + (at - static_cast<float>(first)) * (b - a)));
  }
  return colour;
}

std::vector<uint8_t> heated(const std::vector<uint8_t>& image, const float* heat) {
  std::vector<uint8_t> out(image.size());
  for (size_t i = 0; i < image.size(); i += 3) {
    const float grey = 0.299f * image[i] + 0.587f * image[i + 1] + 0.114f * image[i + 2];
    const Colour colour = heat_colour(heat[i / 3]);
    for (size_t c = 0; c < 3; ++c) {
      out[i + c] = static_cast<uint8_t>(std::lround(0.4f * grey + 0.6f * colour[c]));
    }
  }
  return out;
}

}  // namespace apps
