#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

/// Picture files to read in tests.
namespace support {

/// A file and its pixels (height, width, channels): waves and edges of a known kind.
using PictureFile = std::pair<std::string, std::vector<uint8_t>>;

PictureFile png(int width, int height, int channels);
PictureFile jpeg(int width, int height, int channels);

}  // namespace support
