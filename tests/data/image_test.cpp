#include "data/image.h"

#include <doctest/doctest.h>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include "data/resize.h"
#include "engine/error.h"
#include "tests/support/picture_file.h"

using data::decode_image;

TEST_CASE("a PNG comes back pixel by pixel, a JPEG nearly so, and grey ones in three channels") {
  const auto [file, pixels] = support::png(7, 5, 3);
  const data::Image image = decode_image(file, "a.png");
  CHECK(image.height == 5);
  CHECK(image.width == 7);
  CHECK(image.pixels == pixels);

  const auto [grey_file, grey] = support::png(7, 5, 1);
  const data::Image grey_image = decode_image(grey_file, "b.png");
  for (size_t i = 0; i < grey.size() * 3; ++i) CHECK(grey_image.pixels[i] == grey[i / 3]);

  for (int channels : {1, 3}) {
    const auto [jpeg_file, original] = support::jpeg(24, 16, channels);
    const data::Image decoded = decode_image(jpeg_file, "c.jpg");
    REQUIRE(decoded.pixels.size() == 24 * 16 * 3);
    double difference = 0;
    for (size_t i = 0; i < decoded.pixels.size(); ++i) {
      const size_t from = channels == 3 ? i : i / 3;
      difference += std::abs(int{decoded.pixels[i]} - int{original[from]});
    }
    CHECK(difference / static_cast<double>(decoded.pixels.size()) < 4);
  }
}

TEST_CASE("what is no picture, or a damaged or huge one, is an error that names the file") {
  const std::string png = support::png(7, 5, 3).first, jpeg = support::jpeg(24, 16, 3).first;
  const auto refused = [](const std::string& file, const char* part) {
    CHECK_THROWS_WITH(decode_image(file, "x.img"), doctest::Contains("x.img: "));
    CHECK_THROWS_WITH(decode_image(file, "x.img"), doctest::Contains(part));
  };
  refused("", "neither JPEG nor PNG");
  refused("GIF89a", "neither JPEG nor PNG");
  refused("BM" + png, "neither JPEG nor PNG");
  refused(png.substr(0, 20), "");
  refused(jpeg.substr(0, 12), "");
  refused(png.substr(0, png.size() / 2), "");
  refused(jpeg.substr(0, jpeg.size() - 20), "");  // a few rows missing
  CHECK_THROWS_WITH(decode_image(png, "x.png", {.file_bytes = 10}), doctest::Contains("bytes are more than 10"));
  CHECK_THROWS_WITH(decode_image(png, "x.png", {.side = 6}), "x.png: 7 x 5 pixels are too many");
  CHECK_THROWS_WITH(decode_image(png, "x.png", {.pixels = 34}), "x.png: 7 x 5 pixels are too many");

  std::string large = png;  // a header that claims 16,000 x 16,000 pixels
  large[16] = large[20] = 0, large[17] = large[21] = 0, large[18] = large[22] = '\x3e', large[19] = large[23] = '\x80';
  CHECK_THROWS_WITH(decode_image(large, "x.png"), "x.png: 16000 x 16000 pixels are too many");
  CHECK_THROWS_AS(decode_image(large, "x.png", {.pixels = int64_t{1} << 40}), engine::Error);

  std::string lying = jpeg;  // of 24 x 16 pixels; behind the marker FF C0 stand 3 bytes, height, width
  const size_t size_at = jpeg.find("\xff\xc0") + 5;
  REQUIRE((jpeg[size_at + 1] == 16 && jpeg[size_at + 3] == 24));
  lying[size_at] = lying[size_at + 2] = '\x7f';
  CHECK_THROWS_WITH(decode_image(lying, "x.jpg"), "x.jpg: 32536 x 32528 pixels are too many");
  lying = jpeg;
  lying[size_at + 1] = 64;
  refused(lying, "");  // rows that are not there

  const size_t pixels_at = png.find("IDAT") + 10;
  for (size_t at : {pixels_at, png.size() - 18, png.find("IHDR") + 15}) {  // pixels, their sums, the header's sum
    std::string damaged = png;
    damaged[at] = static_cast<char>(damaged[at] ^ 1);
    refused(damaged, "");
  }

  // Every byte changed, and every length cut off: an error or a picture, never a crash.
  for (std::string file : {png, jpeg}) {
    for (size_t i = 0; i < file.size(); ++i) {
      std::string changed = file;
      changed[i] = static_cast<char>(changed[i] ^ (1 << i % 8));
      for (const std::string& bad : {changed, file.substr(0, i)}) {
        try {
          const data::Image image = decode_image(bad, "x", {.pixels = 1 << 20});
          CHECK(image.pixels.size() == static_cast<size_t>(3 * image.height * image.width));
        } catch (const engine::Error&) {
        }
      }
    }
  }
}

TEST_CASE("images are resized as Pillow does, to a grey level") {
  std::ifstream in(DEMIX_SOURCE_DIR "/tests/recorded/resize.json");
  const auto record = nlohmann::json::parse(in);
  const auto image = record["image"].get<std::vector<uint8_t>>();
  const int64_t width = record["width"];
  for (const auto& c : record["cases"]) {
    const data::Crop crop{c["crop"][0], c["crop"][1], c["crop"][2], c["crop"][3]};
    const int64_t oh = c["size"][0], ow = c["size"][1];
    CAPTURE(c["filter"].get<std::string>());
    CAPTURE(oh);
    const auto expected = c["pixels"].get<std::vector<uint8_t>>();
    const std::vector<uint8_t> out =
        data::resize({static_cast<int64_t>(image.size()) / 3 / width, width, image.data()}, crop, oh, ow,
                     c["filter"] == "bilinear" ? data::Filter::bilinear : data::Filter::bicubic)
            .pixels;
    REQUIRE(out.size() == expected.size());
    double sum = 0;
    for (size_t i = 0; i < out.size(); ++i) {
      CHECK(std::abs(int{out[i]} - int{expected[i]}) <= 1);
      sum += std::abs(int{out[i]} - int{expected[i]});
    }
    CHECK(sum / static_cast<double>(out.size()) < 0.05);
  }
}

TEST_CASE("a JPEG of four inks is read as Pillow reads it") {
  std::ifstream in(DEMIX_SOURCE_DIR "/tests/recorded/cmyk.json");
  const auto record = nlohmann::json::parse(in);
  const auto bytes = record["file"].get<std::vector<uint8_t>>();
  const data::Image image = decode_image(std::string(bytes.begin(), bytes.end()), "inks.jpg");
  CHECK(image.height == record["height"]);
  CHECK(image.width == record["width"]);
  CHECK(image.pixels == record["pixels"].get<std::vector<uint8_t>>());
}
