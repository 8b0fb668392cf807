#include "data/image.h"

#include <spng.h>
#include <turbojpeg.h>

#include <memory>

#include "engine/error.h"
#include "engine/file.h"

namespace data {
namespace {

/// What stands at the beginning of a file, found good.
struct Header {
  int width = 0, height = 0;
  bool inks = false;  // four of them, in place of red, green and blue light
};

struct Decoder {
  Header (*read_header)(std::string_view file, const std::string& name, const ImageLimits& limits);
  Image (*decode)(const Header& header, std::string_view file, const std::string& name, const ImageLimits& limits);
};

const unsigned char* bytes_of(std::string_view file) { return reinterpret_cast<const unsigned char*>(file.data()); }

using PngDecoder = std::unique_ptr<spng_ctx, void (*)(spng_ctx*)>;

/// A decoder that stands before the pixels; checksums of all parts are checked.
PngDecoder png_decoder(std::string_view file, const std::string& name, const ImageLimits& limits) {
  PngDecoder decoder(spng_ctx_new(0), spng_ctx_free);
  ENSURE(decoder, name, ": no memory to decode it");
  spng_set_chunk_limits(decoder.get(), limits.file_bytes, limits.file_bytes);
  const int result = spng_set_png_buffer(decoder.get(), file.data(), file.size());
  ENSURE(result == 0, name, ": ", spng_strerror(result));
  return decoder;
}

Header png_header(std::string_view file, const std::string& name, const ImageLimits& limits) {
  spng_ihdr header{};
  const int result = spng_get_ihdr(png_decoder(file, name, limits).get(), &header);
  ENSURE(result == 0, name, ": ", spng_strerror(result));
  return {static_cast<int>(header.width), static_cast<int>(header.height)};
}

Image decode_png(const Header& header, std::string_view file, const std::string& name, const ImageLimits& limits) {
  const PngDecoder decoder = png_decoder(file, name, limits);
  const auto bytes = static_cast<size_t>(header.width) * static_cast<size_t>(header.height) * 3;
  Image image{header.height, header.width, std::vector<uint8_t>(bytes)};
  int result = spng_decode_image(decoder.get(), image.pixels.data(), bytes, SPNG_FMT_RGB8, 0);
  if (result == 0) result = spng_decode_chunks(decoder.get());  // what follows the pixels, up to the end
  ENSURE(result == 0, name, ": ", spng_strerror(result));
  return image;
}

using JpegDecoder = std::unique_ptr<void, int (*)(tjhandle)>;

JpegDecoder jpeg_decoder(const std::string& name) {
  JpegDecoder decoder(tjInitDecompress(), tjDestroy);
  ENSURE(decoder, name, ": no memory to decode it");
  return decoder;
}

Header jpeg_header(std::string_view file, const std::string& name, const ImageLimits&) {
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

Image decode_jpeg(const Header& header, std::string_view file, const std::string& name, const ImageLimits&) {
  const JpegDecoder decoder = jpeg_decoder(name);
  const auto pixels = static_cast<size_t>(header.width) * static_cast<size_t>(header.height);
  Image image{header.height, header.width, std::vector<uint8_t>(pixels * (header.inks ? 4 : 3))};
  const int result = tjDecompress2(decoder.get(), bytes_of(file), file.size(), image.pixels.data(), header.width, 0,
                                   header.height, header.inks ? TJPF_CMYK : TJPF_RGB, TJFLAG_LIMITSCANS);
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

}  // namespace

Image decode_image(std::string_view file, const std::string& name, const ImageLimits& limits) {
  const Decoder& decoder = decoder_of(file, name, limits);
  const Header header = decoder.read_header(file, name, limits);
  const int64_t width = header.width, height = header.height;
  ENSURE(width >= 1 && height >= 1 && width <= limits.side && height <= limits.side && width * height <= limits.pixels,
         name, ": ", width, " x ", height, " pixels are too many");
  return decoder.decode(header, file, name, limits);
}

Image read_image(const std::filesystem::path& path) {
  const ImageLimits limits;
  return decode_image(engine::read_file(path, limits.file_bytes), path.string(), limits);
}

}  // namespace data
