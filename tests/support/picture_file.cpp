#include "tests/support/picture_file.h"

#define STB_IMAGE_WRITE_IMPLEMENTATION
#define STB_IMAGE_WRITE_STATIC
#include <stb_image_write.h>

namespace support {
namespace {

std::vector<uint8_t> pixels(int width, int height, int channels) {
  std::vector<uint8_t> values;
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      for (int c = 0; c < channels; ++c) values.push_back(static_cast<uint8_t>(40 + 4 * x + 6 * y + 10 * c));
    }
  }
  return values;
}

void append(void* into, void* bytes, int count) {
  static_cast<std::string*>(into)->append(static_cast<const char*>(bytes), static_cast<size_t>(count));
}

}  // namespace

PictureFile png(int width, int height, int channels) {
  PictureFile file{{}, pixels(width, height, channels)};
  stbi_write_png_to_func(append, &file.first, width, height, channels, file.second.data(), width * channels);
  return file;
}

PictureFile jpeg(int width, int height, int channels) {
  PictureFile file{{}, pixels(width, height, channels)};
  stbi_write_jpg_to_func(append, &file.first, width, height, channels, file.second.data(), 95);
  return file;
}

}  // namespace support
