#include "data/image.h"

#include <cstdlib>

#include "engine/error.h"

// stb_image reads far more than is wanted here, and some of that has been broken before: only JPEG and PNG are
// compiled, from memory, and a file that asks for more memory than its size in pixels allows gets none.
namespace {

thread_local size_t memory_left = 0;

void* allocate(size_t bytes) {
  if (bytes > memory_left) return nullptr;
  memory_left -= bytes;
  return std::malloc(bytes);
}

void* reallocate(void* memory, size_t bytes) {
  if (bytes > memory_left) return nullptr;
  memory_left -= bytes;
  return std::realloc(memory, bytes);
}

}  // namespace

#define STBI_ONLY_JPEG
#define STBI_ONLY_PNG
#define STBI_NO_STDIO
#define STBI_NO_LINEAR
#define STBI_NO_HDR
#define STBI_MAX_DIMENSIONS 16384
#define STBI_MALLOC allocate
#define STBI_REALLOC reallocate
#define STBI_FREE std::free
#define STB_IMAGE_STATIC
#define STB_IMAGE_IMPLEMENTATION
#include <stb_image.h>

namespace data {

Image decode_image(std::string_view file, const std::string& name, const ImageLimits& limits) {
  ENSURE(file.size() <= limits.file_bytes, name, ": ", file.size(), " bytes are more than ", limits.file_bytes);
  ENSURE(file.starts_with("\xff\xd8\xff") || file.starts_with("\x89PNG\r\n\x1a\n"), name, ": neither JPEG nor PNG");
  const auto* bytes = reinterpret_cast<const stbi_uc*>(file.data());
  const int count = static_cast<int>(file.size());
  int width = 0, height = 0, channels = 0;
  memory_left = size_t{1} << 20;  // the header alone
  ENSURE(stbi_info_from_memory(bytes, count, &width, &height, &channels), name, ": ", stbi_failure_reason());
  ENSURE(width >= 1 && height >= 1 && width <= limits.side && height <= limits.side &&
             int64_t{width} * height <= limits.pixels,
         name, ": ", width, " x ", height, " pixels are too many");

  memory_left = (size_t{1} << 20) + 32 * static_cast<size_t>(width) * static_cast<size_t>(height) + 2 * file.size();
  stbi_uc* pixels = stbi_load_from_memory(bytes, count, &width, &height, &channels, 3);
  ENSURE(pixels, name, ": ", stbi_failure_reason());
  Image image{height, width, {pixels, pixels + int64_t{3} * width * height}};
  stbi_image_free(pixels);
  return image;
}

}  // namespace data
