#include "apps/support/picture.h"

#include <spng.h>
#include <stb_easy_font.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <memory>

#include "engine/error.h"
#include "engine/file.h"

namespace apps {
namespace {

/// The font knows ASCII alone.
std::string printable(std::string text) {
  for (char& c : text) {
    if (c < ' ' || c > '~') c = '?';
  }
  return text;
}

}  // namespace

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
  std::string copy = printable(text);  // writable, as the font's function wants it
  std::vector<std::array<Corner, 4>> boxes(text.size() * 16 + 16);
  const int count =
      stb_easy_font_print(0, 0, copy.data(), nullptr, boxes.data(), static_cast<int>(boxes.size() * sizeof boxes[0]));
  for (int i = 0; i < count; ++i) {
    const Corner &low = boxes[static_cast<size_t>(i)][0], &high = boxes[static_cast<size_t>(i)][2];
    const auto at = [zoom](float value) { return static_cast<int>(std::lround(value * static_cast<float>(zoom))); };
    fill(x + at(low.x), y + at(low.y), x + at(high.x), y + at(high.y), colour);
  }
}

std::vector<std::string> Picture::lines(const std::string& text, int width, size_t most) {
  const auto fits = [&](const std::string& line) {
    std::string copy = printable(line);
    return stb_easy_font_width(copy.data()) <= width;
  };
  std::vector<std::string> lines;
  std::string rest = text;
  while (rest.size() > 1 && !fits(rest)) {
    const bool last = lines.size() + 1 == most;
    size_t end = rest.size() - 1;
    while (end > 1 && !fits(rest.substr(0, end) + (last ? ".." : ""))) --end;
    if (last) return lines.push_back(rest.substr(0, end) + ".."), lines;
    const size_t space = rest.rfind(' ', end);
    const bool parted = space != std::string::npos && space > 0;
    lines.push_back(rest.substr(0, parted ? space : end));
    rest = rest.substr(parted ? space + 1 : end);
  }
  lines.push_back(rest);
  return lines;
}

void Picture::save(const std::filesystem::path& path) const {
  const std::unique_ptr<spng_ctx, void (*)(spng_ctx*)> encoder(spng_ctx_new(SPNG_CTX_ENCODER), spng_ctx_free);
  spng_ihdr header{};
  header.width = static_cast<uint32_t>(width_), header.height = static_cast<uint32_t>(height_);
  header.bit_depth = 8, header.color_type = SPNG_COLOR_TYPE_TRUECOLOR;
  int result = spng_set_ihdr(encoder.get(), &header);
  if (result == 0) result = spng_set_option(encoder.get(), SPNG_ENCODE_TO_BUFFER, 1);
  if (result == 0)
    result = spng_encode_image(encoder.get(), pixels_.data(), pixels_.size(), SPNG_FMT_PNG, SPNG_ENCODE_FINALIZE);
  size_t bytes = 0;
  const std::unique_ptr<void, void (*)(void*)> png(
      result == 0 ? spng_get_png_buffer(encoder.get(), &bytes, &result) : nullptr, std::free);
  ENSURE(png, path.string(), ": the picture cannot be encoded: ", spng_strerror(result));
  engine::write_file(path, {static_cast<const char*>(png.get()), bytes});
}

}  // namespace apps
