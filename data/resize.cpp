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

/// The mixtures that turn `in` numbers into `out`; where they become fewer, the filter is as wide as the step.
std::vector<Mixture> mixtures(int64_t in, int64_t out, Filter filter) {
  const double step = static_cast<double>(in) / static_cast<double>(out), width = std::max(step, 1.0);
  const double reach = width * (filter == Filter::bilinear ? 1 : 2);
  std::vector<Mixture> all;
  for (int64_t i = 0; i < out; ++i) {
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

}  // namespace

void resize(const uint8_t* image, int64_t image_width, const Crop& crop, int64_t oh, int64_t ow, Filter filter,
            uint8_t* out) {
  // Row by row first, rounded to bytes, and then column by column.
  std::vector<uint8_t> narrow(static_cast<size_t>(crop.height * ow * 3));
  const std::vector<Mixture> across = mixtures(crop.width, ow, filter);
  for (int64_t y = 0; y < crop.height; ++y) {
    const uint8_t* row = image + ((crop.y + y) * image_width + crop.x) * 3;
    for (int64_t x = 0; x < ow; ++x) {
      const Mixture& mixture = across[static_cast<size_t>(x)];
      float sum[3] = {0, 0, 0};
      for (size_t k = 0; k < mixture.weights.size(); ++k) {
        const uint8_t* pixel = row + (mixture.first + static_cast<int64_t>(k)) * 3;
        for (int c = 0; c < 3; ++c) sum[c] += mixture.weights[k] * pixel[c];
      }
      for (int c = 0; c < 3; ++c) narrow[static_cast<size_t>((y * ow + x) * 3 + c)] = byte(sum[c]);
    }
  }
  const std::vector<Mixture> down = mixtures(crop.height, oh, filter);
  std::vector<float> sums(static_cast<size_t>(ow * 3));
  for (int64_t y = 0; y < oh; ++y) {
    const Mixture& mixture = down[static_cast<size_t>(y)];
    std::fill(sums.begin(), sums.end(), 0.0f);
    for (size_t k = 0; k < mixture.weights.size(); ++k) {
      const uint8_t* row = narrow.data() + (mixture.first + static_cast<int64_t>(k)) * ow * 3;
      for (size_t i = 0; i < sums.size(); ++i) sums[i] += mixture.weights[k] * row[i];
    }
    for (size_t i = 0; i < sums.size(); ++i) out[static_cast<size_t>(y * ow * 3) + i] = byte(sums[i]);
  }
}

}  // namespace data
