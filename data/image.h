#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace data {

/// A picture of 8-bit pixels (height, width, 3), red first.
struct Image {
  int64_t height = 0, width = 0;
  std::vector<uint8_t> pixels;
};

/// Pixels (height, width, 3) that somebody else holds.
struct ImageView {
  int64_t height, width;
  const uint8_t* pixels;

  ImageView(int64_t height, int64_t width, const uint8_t* pixels) : height(height), width(width), pixels(pixels) {}
  ImageView(const Image& image) : ImageView(image.height, image.width, image.pixels.data()) {}
};

/// What is refused before anything is decoded.
struct ImageLimits {
  size_t file_bytes = size_t{64} << 20;
  int64_t side = 16384, pixels = int64_t{64} << 20;
};

/// Decodes a JPEG or PNG file, told by its first bytes; a grey one gets three equal channels, one of four inks (CMYK)
/// is turned into light, transparency is dropped. An Error names the file and says what is wrong with it.
Image decode_image(std::string_view file, const std::string& name, const ImageLimits& limits = {});

/// Reads and decodes such a file.
Image read_image(const std::filesystem::path& path);

}  // namespace data
