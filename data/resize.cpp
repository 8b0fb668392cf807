#include "data/resize.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace data {
namespace {

double triangle(double x) { return std::max(0.0, 1 - std::abs(x)); }

double cubic(double x) {
  constexpr double a = -0.5;
  x = std::abs(x);
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0;
}

/// What one number of the result is made of: weights of numbers from `first` on.
struct Mixture {
  int64_t first;
  std::vector<float> weights;
};

/// The mixtures of numbers begin to end of the `out` that `in` are turned into; where they become fewer, the filter is
/// as wide as the step.
std::vector<Mixture> mixtures(int64_t in, int64_t out, int64_t begin, int64_t end, Filter filter) {
  const double step = static_cast<double>(in) / static_cast<double>(out), width = std::max(step, 1.0);
  const double reach = width * (filter == Filter::bilinear ? 1 : 2);
  std::vector<Mixture> all;
  for (int64_t i = begin; i < end; ++i) {
    const double centre = (static_cast<double>(i) + 0.5) * step;
    const auto first = std::max<int64_t>(0, static_cast<int64_t>(centre - reach + 0.5));
    const auto last = std::min(in, static_cast<int64_t>(centre + reach + 0.5));
    std::vector<double> weights;
    double sum = 0;
    for (int64_t k = first; k < last; ++k) {
      const double at = (static_cast<double>(k) + 0.5 - centre) / width;
      weights.push_back(filter == Filter::bilinear ? triangle(at) : cubic(at));
      sum += weights.back();
    }
    Mixture mixture{first, {}};
    for (double weight : weights) mixture.weights.push_back(static_cast<float>(weight / sum));
    all.push_back(std::move(mixture));
  }
  return all;
}

uint8_t byte(float value) { return static_cast<uint8_t>(std::clamp(value + 0.5f, 0.0f, 255.0f)); }

/// Of a crop of a picture, made (height, width), the part `window`.
Image resize(const ImageView& picture, const Crop& crop, int64_t height, int64_t width, const Crop& window,
             Filter filter) {
  const std::vector<Mixture> across = mixtures(crop.width, width, window.x, window.x + window.width, filter),
                             down = mixtures(crop.height, height, window.y, window.y + window.height, filter);
  // Row by row first, rounded to bytes, and then column by column.
  const int64_t row_bytes = window.width * 3, first_row = down.front().first,
                rows = down.back().first + static_cast<int64_t>(down.back().weights.size()) - first_row;
  std::vector<uint8_t> narrow(static_cast<size_t>(rows * row_bytes));
  uint8_t* to = narrow.data();
  for (int64_t y = 0; y < rows; ++y) {
    const uint8_t* row = picture.pixels + ((crop.y + first_row + y) * picture.width + crop.x) * 3;
    for (const Mixture& mixture : across) {
      const uint8_t* pixel = row + mixture.first * 3;
      float sum[3] = {0, 0, 0};
      for (const float weight : mixture.weights) {
        for (int c = 0; c < 3; ++c) sum[c] += weight * *pixel++;
      }
      for (int c = 0; c < 3; ++c) *to++ = byte(sum[c]);
    }
  }
  Image image{window.height, window.width, std::vector<uint8_t>(static_cast<size_t>(window.height * row_bytes))};
  uint8_t* out = image.pixels.data();
  std::vector<float> sums(static_cast<size_t>(row_bytes));
  for (const Mixture& mixture : down) {
    std::fill(sums.begin(), sums.end(), 0.0f);
    const uint8_t* row = narrow.data() + (mixture.first - first_row) * row_bytes;
    for (const float weight : mixture.weights) {
      for (size_t i = 0; i < sums.size(); ++i) sums[i] += weight * row[i];
      row += row_bytes;
    }
    for (const float sum : sums) *out++ = byte(sum);
  }
  return image;
}

}  // namespace

Image resize(const ImageView& picture, const Crop& crop, int64_t height, int64_t width, Filter filter) {
  return resize(picture, crop, height, width, {0, 0, height, width}, filter);
}

Image resize_part(const ImageView& picture, int64_t height, int64_t width, const Crop& window, Filter filter) {
  return resize(picture, {0, 0, picture.height, picture.width}, height, width, window, filter);
}

}  // namespace data
