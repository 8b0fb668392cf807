#include "mixup/saliency.h"

#include <doctest/doctest.h>

#include "tests/support/numbers.h"

using namespace support;

TEST_CASE("saliency is the sum over squares of the difference of a pixel to the mean of the others") {
  for (const auto& [h, w, c] : {std::tuple<int64_t, int64_t, int64_t>{32, 32, 3}, {40, 17, 3}, {1, 9, 3}, {6, 5, 1}}) {
    const Tensor image = uniform({h, w, c}, 5);
    const auto brightness = [&, h = h, w = w, c = c](int64_t y, int64_t x) {
      const float* pixel = image.data() + (y * w + x) * c;
      (void)h;
      return c == 3 ? 0.299 * pixel[0] + 0.587 * pixel[1] + 0.114 * pixel[2] : pixel[0];
    };
    const std::vector<float> map = mixup::saliency({h, w, c, image.data()});
    REQUIRE(map.size() == static_cast<size_t>(h * w));
    for (int64_t y = 0; y < h; y += 3) {
      for (int64_t x = 0; x < w; x += 3) {
        double expected = 0;
        for (int64_t reach : {12, 24, 28, 48, 56, 112}) {
          double sum = 0, count = 0;
          for (int64_t v = std::max<int64_t>(0, y - reach); v <= std::min(h - 1, y + reach); ++v) {
            for (int64_t u = std::max<int64_t>(0, x - reach); u <= std::min(w - 1, x + reach); ++u) {
              if (v == y && u == x) continue;
              sum += brightness(v, u);
              ++count;
            }
          }
          expected += std::abs(brightness(y, x) - sum / count);
        }
        CHECK(map[static_cast<size_t>(y * w + x)] == doctest::Approx(expected).epsilon(1e-5));
      }
    }
  }
}

TEST_CASE("nothing stands out in an even image, nor in one pixel") {
  const Tensor even = Tensor::full({8, 8, 3}, 0.5f);
  for (float value : mixup::saliency({8, 8, 3, even.data()})) CHECK(value < 1e-12);
  CHECK(mixup::saliency({1, 1, 3, even.data()}) == std::vector<float>{0});
}
