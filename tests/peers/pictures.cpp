#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string>

#include "data/augment.h"
#include "data/image.h"

/// Writes the bytes of a picture (size, size, 3) to stdout, seen as a test picture is: its shorter side resized, the
/// middle taken. With a shorter side of 0 it is decoded only. For pictures.py.
int main(int argc, char** argv) {
  if (argc != 5) return 2;
  try {
    const int64_t shorter_side = std::atoll(argv[2]), size = std::atoll(argv[3]);
    const auto filter = std::string(argv[4]) == "bicubic" ? data::Filter::bicubic : data::Filter::bilinear;
    data::Image image = data::read_image(argv[1]);
    if (shorter_side > 0) {
      std::vector<float> seen(static_cast<size_t>(3 * size * size));
      data::prepare(image, size, {}, {.filter = filter, .shorter_side = shorter_side},
                    engine::Rng(0, engine::Purpose::test), seen.data());
      image.pixels.clear();
      for (const float value : seen) image.pixels.push_back(data::denormalize(value, {}, 0));
    }
    std::fwrite(image.pixels.data(), 1, image.pixels.size(), stdout);
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
