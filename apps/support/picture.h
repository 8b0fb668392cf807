#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace apps {

using Colour = std::array<uint8_t, 3>;

/// A canvas of 8-bit RGB pixels to paste images and write short texts on.
class Picture {
 public:
  Picture(int width, int height, Colour background);

  /// Pastes a square image (size, size, 3), every pixel enlarged to zoom x zoom.
  void paste(const std::vector<uint8_t>& image, int size, int zoom, int x, int y);

  /// Writes a line of text with its upper left corner at (x, y).
  void write(const std::string& text, int x, int y, Colour colour, int zoom = 1);
  static constexpr int line_height = 12;  // at zoom 1

  /// The text in up to `most` lines of a width at zoom 1, parted at spaces where it can be; what does not fit is left
  /// out and two dots say so.
  static std::vector<std::string> lines(const std::string& text, int width, size_t most);

  /// Saves as PNG; an Error names the path.
  void save(const std::filesystem::path& path) const;

 private:
  void fill(int x0, int y0, int x1, int y1, Colour colour);

  int width_, height_;
  std::vector<uint8_t> pixels_;
};

}  // namespace apps
