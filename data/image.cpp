#include "data/image.h"

#include <turbojpeg.h>

#include <cstdlib>
#include <memory>

#include "engine/error.h"
#include "engine/file.h"

// stb_image reads far more than is wanted here, and some of that has been broken before (in Debian 12 a damaged JPEG
// makes it write beyond an array): PNG alone is compiled, from memory, and a file that asks for more memory than its
// size in pixels allows gets none. JPEG is libjpeg-turbo's.
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

namespace {

void check_size(int64_t width, int64_t height, const std::string& name, const ImageLimits& limits) {
  ENSURE(width >= 1 && height >= 1 && width <= limits.side && height <= limits.side && width * height <= limits.pixels,
         name, ": ", width, " x ", height, " pixels are too many");
}

Image decode_png(std::string_view file, const std::string& name, const ImageLimits& limits) {
  const auto* bytes = reinterpret_cast<const stbi_uc*>(file.data());
  const int count = static_cast<int>(file.size());
  int width = 0, height = 0, channels = 0;
  memory_left = size_t{1} << 20;  // the header alone
  ENSURE(stbi_info_from_memory(bytes, count, &width, &height, &channels), name, ": ", stbi_failure_reason());
  check_size(width, height, name, limits);
  memory_left = (size_t{1} << 20) + 32 * static_cast<size_t>(width) * static_cast<size_t>(height) + 2 * file.size();
  stbi_uc* pixels = stbi_load_from_memory(bytes, count, &width, &height, &channels, 3);
  ENSURE(pixels, name, ": ", stbi_failure_reason());
  Image image{height, width, {pixels, pixels + int64_t{3} * width * height}};
  stbi_image_free(pixels);
  return image;
}

/// Turns pixels of four inks, stored as how much light each lets through, into red, green and blue ones.
void lighten(std::vector<uint8_t>& pixels) {
  const size_t count = pixels.size() / 4;
  for (size_t i = 0; i < count; ++i) {
    const int black = pixels[4 * i + 3];
    for (size_t k = 0; k < 3; ++k) pixels[3 * i + k] = static_cast<uint8_t>((pixels[4 * i + k] * black + 127) / 255);
  }
  pixels.resize(3 * count);
}

Image decode_jpeg(std::string_view file, const std::string& name, const ImageLimits& limits) {
  const std::unique_ptr<void, int (*)(tjhandle)> decoder(tjInitDecompress(), tjDestroy);
  ENSURE(decoder, name, ": no memory to decode it");
  const auto* bytes = reinterpret_cast<const unsigned char*>(file.data());
  int width = 0, height = 0, subsampling = 0, colours = 0;
  ENSURE(tjDecompressHeader3(decoder.get(), bytes, file.size(), &width, &height, &subsampling, &colours) == 0, name,
         ": ", tjGetErrorStr2(decoder.get()));
  check_size(width, height, name, limits);
  const bool inks = colours == TJCS_CMYK || colours == TJCS_YCCK;
  const auto pixels = static_cast<size_t>(width) * static_cast<size_t>(height);
  Image image{height, width, std::vector<uint8_t>(pixels * (inks ? 4 : 3))};
  const int result = tjDecompress2(decoder.get(), bytes, file.size(), image.pixels.data(), width, 0, height,
                                   inks ? TJPF_CMYK : TJPF_RGB, 0);
  // A warning leaves grey or wrong pixels, but for stray bytes between parts, which some encoders leave.
  const std::string problem = result == 0 ? "" : tjGetErrorStr2(decoder.get());
  ENSURE(result == 0 || problem.find("extraneous bytes") != std::string::npos, name, ": ", problem);
  if (inks) lighten(image.pixels);
  return image;
}

}  // namespace

Image decode_image(std::string_view file, const std::string& name, const ImageLimits& limits) {
  ENSURE(file.size() <= limits.file_bytes, name, ": ", file.size(), " bytes are more than ", limits.file_bytes);
  if (file.starts_with("\x89PNG\r\n\x1a\n")) return decode_png(file, name, limits);
  ENSURE(file.starts_with("\xff\xd8\xff"), name, ": neither JPEG nor PNG");
  return decode_jpeg(file, name, limits);
}

Image read_image(const std::filesystem::path& path) { return decode_image(engine::read_file(path), path.string()); }

}  // namespace data
