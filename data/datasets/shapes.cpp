#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include "data/dataset.h"
#include "engine/parallel.h"
#include "engine/rng.h"

// "shapes": pictures drawn from a seed, so that training needs no download. One of ten kinds of object at random size,
// place, angle and colour over a texture of random stripes and clouds; nothing but the object's outline tells the
// class.
namespace data {
namespace {

using engine::Purpose;
using engine::Rng;
using std::abs;

constexpr int64_t size = 32;
constexpr int samples = 3;  // a pixel's coverage is measured at 3 x 3 places

/// Whether a point of the square [-1, 1]^2 lies in the object.
struct Kind {
  const char* name;
  bool (*contains)(double x, double y);
};

bool in_star(double x, double y) {
  // Fold the plane into one of the ten half rays, then compare with the line from the tip (1, 0) to the notch.
  const double fifth = 2 * std::numbers::pi / 5;
  const double angle = std::remainder(std::atan2(y, x), fifth), radius = std::hypot(x, y);
  const double px = radius * std::cos(angle), py = abs(radius * std::sin(angle));
  const double notch_x = 0.42 * std::cos(fifth / 2), notch_y = 0.42 * std::sin(fifth / 2);
  return (px - 1) * notch_y - py * (notch_x - 1) < 0;
}

bool in_heart(double x, double y) {
  x *= 1.2, y = 1.2 * y + 0.15;
  const double d = x * x + y * y - 1;
  return d * d * d < x * x * y * y * y;
}

constexpr std::array<Kind, 10> kinds{{
    {"circle", [](double x, double y) { return x * x + y * y < 0.8; }},
    {"square", [](double x, double y) { return std::max(abs(x), abs(y)) < 0.75; }},
    {"triangle", [](double x, double y) { return y > -0.55 && y + 1.75 * abs(x) < 1; }},
    {"star", in_star},
    {"cross", [](double x, double y) { return std::min(abs(x), abs(y)) < 0.27 && std::max(abs(x), abs(y)) < 0.9; }},
    {"ring", [](double x, double y) { return abs(std::hypot(x, y) - 0.74) < 0.2; }},
    {"crescent", [](double x, double y) { return std::hypot(x, y) < 0.95 && std::hypot(x - 0.5, y) > 0.75; }},
    {"heart", in_heart},
    {"arrow", [](double x, double y) { return x > -0.95 && (x < 0.15 ? abs(y) < 0.2 : abs(y) < 0.95 - x); }},
    {"hourglass", [](double x, double y) { return abs(y) < 0.85 && abs(x) < 0.08 + 0.8 * abs(y); }},
}};

using Colour = std::array<double, 3>;

Colour random_colour(Rng& rng, double low, double high) {
  return {rng.uniform(low, high), rng.uniform(low, high), rng.uniform(low, high)};
}

/// A texture with values from 0 to 1: stripes of random direction and width, and clouds between random grid points.
class Texture {
 public:
  explicit Texture(Rng& rng) : stripes_(rng.uniform(0.2, 0.8)) {
    const double angle = rng.uniform(0, 2 * std::numbers::pi), wave = rng.uniform(0.25, 1.2);
    wave_x_ = wave * std::cos(angle), wave_y_ = wave * std::sin(angle), phase_ = rng.uniform(0, 2 * std::numbers::pi);
    for (double& value : grid_) value = rng.uniform();
  }

  double operator()(int64_t x, int64_t y) const {
    const double stripe =
        0.5 + 0.5 * std::sin(wave_x_ * static_cast<double>(x) + wave_y_ * static_cast<double>(y) + phase_);
    const double gx = static_cast<double>(x) / cell, gy = static_cast<double>(y) / cell;
    const auto ix = static_cast<size_t>(gx), iy = static_cast<size_t>(gy);
    const double fx = gx - static_cast<double>(ix), fy = gy - static_cast<double>(iy);
    const auto at = [&](size_t row, size_t column) { return grid_[row * points + column]; };
    const double cloud = (1 - fy) * ((1 - fx) * at(iy, ix) + fx * at(iy, ix + 1)) +
                         fy * ((1 - fx) * at(iy + 1, ix) + fx * at(iy + 1, ix + 1));
    return stripes_ * stripe + (1 - stripes_) * cloud;
  }

 private:
  static constexpr int cell = 6;
  static constexpr size_t points = size / cell + 2;
  double stripes_, wave_x_, wave_y_, phase_;
  std::array<double, points * points> grid_;
};

void draw(const Kind& kind, Rng rng, uint8_t* out) {
  const Texture background(rng), surface(rng);
  // The object is brighter than what is behind it, or finding it would be most of the task.
  const Colour dark = random_colour(rng, 0, 150), light = random_colour(rng, 0, 150),
               front = random_colour(rng, 130, 255);

  const double radius = rng.uniform(8, 14), angle = rng.uniform(0, 2 * std::numbers::pi);
  const double cx = rng.uniform(radius, size - radius), cy = rng.uniform(radius, size - radius);
  const double c = std::cos(angle) / radius, s = std::sin(angle) / radius;

  for (int64_t y = 0; y < size; ++y) {
    for (int64_t x = 0; x < size; ++x) {
      int inside = 0;
      for (int k = 0; k < samples * samples; ++k) {
        const double dx = static_cast<double>(x) + (k % samples + 0.5) / samples - cx;
        const double dy = static_cast<double>(y) + (k / samples + 0.5) / samples - cy;
        inside += kind.contains(c * dx + s * dy, c * dy - s * dx);
      }
      const double cover = static_cast<double>(inside) / (samples * samples);
      const double back = background(x, y), shade = 0.75 + 0.25 * surface(x, y), noise = 8 * rng.normal();
      for (size_t k = 0; k < 3; ++k) {
        const double behind = dark[k] + back * (light[k] - dark[k]);
        const double value = cover * shade * front[k] + (1 - cover) * behind + noise;
        *out++ = static_cast<uint8_t>(std::clamp(value + 0.5, 0.0, 255.0));
      }
    }
  }
}

}  // namespace

Dataset shapes(Split split, const DatasetOptions& options) {
  const bool train = split == Split::train;
  const int64_t count = train ? options.train_count : options.test_count;
  Dataset dataset;
  dataset.name = "shapes";
  dataset.pixels.resize(static_cast<size_t>(count * size * size * 3));
  dataset.labels.resize(static_cast<size_t>(count));
  engine::parallel_for(count, 64, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const auto label = static_cast<size_t>(i) % kinds.size();
      dataset.labels[static_cast<size_t>(i)] = static_cast<int>(label);
      const Rng rng(options.seed, train ? Purpose::draw_train : Purpose::draw_test, 0, static_cast<uint32_t>(i));
      draw(kinds[label], rng, dataset.pixels.data() + i * size * size * 3);
    }
  });
  for (const Kind& kind : kinds) dataset.classes.emplace_back(kind.name);
  dataset.normalization = {{0.5f, 0.5f, 0.5f}, {0.25f, 0.25f, 0.25f}};
  dataset.augmentation = {.pad = 2, .border = Border::reflect, .flip = true};
  return dataset;
}

}  // namespace data
