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

/// What stands at the beginning of a file, found good.
struct Header {
  int width = 0, height = 0;
  bool inks = false;  // four of them, in place of red, green and blue light
};

struct Decoder {
  Header (*read_header)(std::string_view file, const std::string& name);
  Image (*decode)(const Header& header, std::string_view file, const std::string& name);
};

const stbi_uc* bytes_of(std::string_view file) { return reinterpret_cast<const stbi_uc*>(file.data()); }

Header png_header(std::string_view file, const std::string& name) {
  Header header;
  int channels = 0;
  memory_left = size_t{1} << 20;
  const bool good =
      stbi_info_from_memory(bytes_of(file), static_cast<int>(file.size()), &header.width, &header.height, &channels);
  ENSURE(good, name, ": ", stbi_failure_reason());
  return header;
}

Image decode_png(const Header& header, std::string_view file, const std::string& name) {
  int width = 0, height = 0, channels = 0;
  memory_left =
      (size_t{1} << 20) + 32 * static_cast<size_t>(header.width) * static_cast<size_t>(header.height) + 2 * file.size();
  const std::unique_ptr<stbi_uc, void (*)(void*)> pixels(
      stbi_load_from_memory(bytes_of(file), static_cast<int>(file.size()), &width, &height, &channels, 3),
      stbi_image_free);
  ENSURE(pixels, name, ": ", stbi_failure_reason());
  return {height, width, {pixels.get(), pixels.get() + int64_t{3} * width * height}};
}

using JpegDecoder = std::unique_ptr<void, int (*)(tjhandle)>;

JpegDecoder jpeg_decoder(const std::string& name) {
  JpegDecoder decoder(tjInitDecompress(), tjDestroy);
  ENSURE(decoder, name, ": no memory to decode it");
  return decoder;
}

Header jpeg_header(std::string_view file, const std::string& name) {
  const JpegDecoder decoder = jpeg_decoder(name);
  Header header;
  int subsampling = 0, colours = 0;
  const int result = tjDecompressHeader3(decoder.get(), bytes_of(file), file.size(), &header.width, &header.height,
                                         &subsampling, &colours);
  ENSURE(result == 0, name, ": ", tjGetErrorStr2(decoder.get()));
  header.inks = colours == TJCS_CMYK || colours == TJCS_YCCK;
  return header;
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

Image decode_jpeg(const Header& header, std::string_view file, const std::string& name) {
  const JpegDecoder decoder = jpeg_decoder(name);
  const auto pixels = static_cast<size_t>(header.width) * static_cast<size_t>(header.height);
  Image image{header.height, header.width, std::vector<uint8_t>(pixels * (header.inks ? 4 : 3))};
  const int result = tjDecompress2(decoder.get(), bytes_of(file), file.size(), image.pixels.data(), header.width, 0,
                                   header.height, header.inks ? TJPF_CMYK : TJPF_RGB, 0);
  // A warning leaves grey or wrong pixels, but for stray bytes between parts, which some encoders leave.
  const std::string problem = result == 0 ? "" : tjGetErrorStr2(decoder.get());
  ENSURE(result == 0 || problem.find("extraneous bytes") != std::string::npos, name, ": ", problem);
  if (header.inks) lighten(image.pixels);
  return image;
}

const Decoder& decoder_of(std::string_view file, const std::string& name, const ImageLimits& limits) {
  static const Decoder png{png_header, decode_png}, jpeg{jpeg_header, decode_jpeg};
  ENSURE(file.size() <= limits.file_bytes, name, ": ", file.size(), " bytes are more than ", limits.file_bytes);
  if (file.starts_with("\x89PNG\r\n\x1a\n")) return png;
  ENSURE(file.starts_with("\xff\xd8\xff"), name, ": neither JPEG nor PNG");
  return jpeg;
}

Header checked(const Header& header, const std::string& name, const ImageLimits& limits) {
  const int64_t width = header.width, height = header.height;
  ENSURE(width >= 1 && height >= 1 && width <= limits.side && height <= limits.side && width * height <= limits.pixels,
         name, ": ", width, " x ", height, " pixels are too many");
  return header;
}

}  // namespace

Image decode_image(std::string_view file, const std::string& name, const ImageLimits& limits) {
  const Decoder& decoder = decoder_of(file, name, limits);
  return decoder.decode(checked(decoder.read_header(file, name), name, limits), file, name);
}

std::array<int64_t, 2> image_size(std::string_view file, const std::string& name, const ImageLimits& limits) {
  const Header header = checked(decoder_of(file, name, limits).read_header(file, name), name, limits);
  return {header.height, header.width};
}

Image read_image(const std::filesystem::path& path) { return decode_image(engine::read_file(path), path.string()); }

}  // namespace data
