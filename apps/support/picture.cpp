#include "apps/support/picture.h"

#include <algorithm>
#include <cmath>

#include "engine/error.h"
#include "engine/file.h"

#define STB_IMAGE_WRITE_IMPLEMENTATION
#define STB_IMAGE_WRITE_STATIC
#include <stb_easy_font.h>
#include <stb_image_write.h>

namespace apps {

Picture::Picture(int width, int height, Colour background) : width_(width), height_(height) {
  pixels_.resize(static_cast<size_t>(width) * static_cast<size_t>(height) * 3);
  fill(0, 0, width, height, background);
}

void Picture::fill(int x0, int y0, int x1, int y1, Colour colour) {
  for (int y = std::max(0, y0); y < std::min(height_, y1); ++y) {
    for (int x = std::max(0, x0); x < std::min(width_, x1); ++x) {
      std::copy(colour.begin(), colour.end(), pixels_.begin() + (static_cast<ptrdiff_t>(y) * width_ + x) * 3);
    }
  }
}

void Picture::paste(const std::vector<uint8_t>& image, int size, int zoom, int x, int y) {
  for (int row = 0; row < size; ++row) {
    for (int column = 0; column < size; ++column) {
      const uint8_t* pixel = image.data() + (row * size + column) * 3;
      const int left = x + column * zoom, top = y + row * zoom;
      fill(left, top, left + zoom, top + zoom, {pixel[0], pixel[1], pixel[2]});
    }
  }
}

void Picture::write(const std::string& text, int x, int y, Colour colour, int zoom) {
  // The font comes as rectangles of four corners each: x, y, z and a colour of four bytes.
  struct Corner {
    float x, y, z;
    uint8_t unused[4];
  };
  std::string copy = text;  // the font's function wants it writable, and knows ASCII alone
  for (char& c : copy) {
    if (c < ' ' || c > '~') c = '?';
  }
  std::vector<std::array<Corner, 4>> boxes(text.size() * 16 + 16);
  const int count =
      stb_easy_font_print(0, 0, copy.data(), nullptr, boxes.data(), static_cast<int>(boxes.size() * sizeof boxes[0]));
  for (int i = 0; i < count; ++i) {
    const Corner &low = boxes[static_cast<size_t>(i)][0], &high = boxes[static_cast<size_t>(i)][2];
    const auto at = [zoom](float value) { return static_cast<int>(std::lround(value * static_cast<float>(zoom))); };
    fill(x + at(low.x), y + at(low.y), x + at(high.x), y + at(high.y), colour);
  }
}

void Picture::save(const std::filesystem::path& path) const {
  std::string png;
  const auto append = [](void* into, void* bytes, int count) {
    static_cast<std::string*>(into)->append(static_cast<const char*>(bytes), static_cast<size_t>(count));
  };
  const int good = stbi_write_png_to_func(append, &png, width_, height_, 3, pixels_.data(), width_ * 3);
  ENSURE(good, path.string(), ": the picture cannot be encoded");
  engine::write_file(path, png);
}

}  // namespace apps
