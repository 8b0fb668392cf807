#include "apps/support/gallery.h"

#include <doctest/doctest.h>

#include <cmath>

#include "apps/support/evaluation.h"
#include "apps/support/format.h"
#include "apps/support/heat.h"
#include "apps/support/sheet.h"
#include "data/image.h"
#include "engine/ops.h"
#include "tests/support/numbers.h"
#include "tests/support/scratch.h"

namespace fs = std::filesystem;
using namespace support;
using engine::Variable;

namespace {

/// Sees red, green and blue for what they are: a class for each, with the mean brightness as its logit, times ten.
struct Eye : nn::Network {
  int number_of_stages = 1;
  int stages() const override { return number_of_stages; }
  Variable run(const Variable& x, nn::Mode, const nn::AfterStage& after) override {
    return engine::scale(engine::global_avg_pool(after(1, x)), 10);
  }
  void collect(const std::string&, nn::State&) const override {}
};

/// Pictures of 32x32 in one colour each, as the labels say.
data::Dataset colours(const std::vector<int>& labels) {
  data::Dataset set;
  set.name = "colours", set.labels = labels, set.classes = {"red", "green", "blue"};
  for (const int label : labels) {
    for (int i = 0; i < 32 * 32 * 3; ++i) set.pixels.push_back(i % 3 == label ? 255 : 0);
  }
  return set;
}

/// What write_gallery() makes of a set.
struct Gallery {
  Scratch scratch;
  Eye eye;
  data::Dataset set;

  Gallery(const std::string& name, const std::vector<int>& labels) : scratch(name), set(colours(labels)) {}
  void write(const mixup::Policy& policy) {
    data::Loader loader(set, {.batch = 5, .train = false, .workers = 0});
    apps::Extremes extremes(set.normalization, 16);
    apps::evaluate(eye, loader, [&](const data::Batch& batch, const Tensor& logits) { extremes.add(batch, logits); });
    apps::write_gallery(eye, set, policy, extremes, "title", scratch.path);
  }
  bool has(const std::string& name) const { return fs::exists(scratch.path / name); }
  data::Image image(const std::string& name) const { return data::read_image(scratch.path / name); }
};

const uint8_t* pixel(const data::Image& image, int64_t x, int64_t y) {
  return image.pixels.data() + (y * image.width + x) * 3;
}

int brightness(const uint8_t* colour) { return colour[0] + colour[1] + colour[2]; }

/// Whether an image has a line of dark text at (x, y), where the tests know what should be written.
bool shows(const data::Image& image, const std::string& text, int x, int y) {
  const Scratch scratch("expected-text");
  constexpr int width = 128, height = apps::Picture::line_height - 2;
  apps::Picture expected(width, height, {250, 250, 248});
  expected.write(text, 0, 0, {30, 30, 30});
  expected.save(scratch.path / "text.png");
  const data::Image line = data::read_image(scratch.path / "text.png");
  for (int row = 0; row < height; ++row) {
    if (!std::equal(pixel(line, 0, row), pixel(line, 0, row) + width * 3, pixel(image, x, y + row))) return false;
  }
  return true;
}

// Where a sheet has its images of 128 pixels: below the title, right of the labels, with a line of text below each.
constexpr int left = 76, step = 134, head = 32, side = 128, row_height = 149, line = apps::Picture::line_height;

const mixup::Policy none = mixup::make_policy("none", {}), cutmix = mixup::make_policy("cutmix", {.alpha = 1});

}  // namespace

TEST_CASE("mixed test images are shown with the heat of either class in its own place") {
  Gallery gallery("gallery", {0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2});
  gallery.write(cutmix);
  const data::Image cam = gallery.image("cam.png");
  REQUIRE(cam.width == left + 8 * step);
  REQUIRE(cam.height == head + 5 * row_height + line + 6);  // the shares have a line more
  const int mixed = head + 2 * row_height, heat_a = mixed + row_height + line, heat_b = heat_a + row_height;
  int of_two_classes = 0, smallest = side * side;
  std::array<bool, 3> seen{};
  for (int x = left; x < cam.width; x += step) {
    const auto class_at = [&](int64_t y) {
      return std::max_element(pixel(cam, x, y), pixel(cam, x, y) + 3) - pixel(cam, x, y);
    };
    const auto a = class_at(head), b = class_at(head + row_height);
    seen[static_cast<size_t>(a)] = true;
    of_two_classes += a != b;
    int counts[2] = {0, 0}, wrong = 0;
    for (int dy = 0; dy < side; ++dy) {
      for (int dx = 0; dx < side; ++dx) {
        const uint8_t* colour = pixel(cam, x + dx, mixed + dy);
        const bool is_a = colour[a] == 255;
        ++counts[is_a];
        // Pale yellow where the class is, and not much more than black elsewhere.
        wrong += (brightness(pixel(cam, x + dx, heat_a + dy)) > 400) != is_a;
        wrong += (brightness(pixel(cam, x + dx, heat_b + dy)) > 400) != (colour[b] == 255);
      }
    }
    CHECK(wrong == 0);
    if (a == b) continue;
    smallest = std::min({smallest, counts[0], counts[1]});
    const double share = counts[1] / static_cast<double>(side * side),
                 power[2] = {std::exp(10 * (1 - share)), std::exp(10 * share)};
    const auto name = [&](auto index) { return " " + gallery.set.classes[static_cast<size_t>(index)]; };
    const double all = power[0] + power[1] + 1;
    CHECK(shows(cam, engine::text(std::lround(100 * share), "%") + name(a), x, mixed + side + 3));
    CHECK(shows(cam, engine::text(std::lround(100 * (1 - share)), "%") + name(b), x, mixed + side + 3 + line));
    CHECK(shows(cam, apps::format("%.1f%%", 100 * power[1] / all) + name(a), x, heat_a + side + 3));
    CHECK(shows(cam, apps::format("%.1f%%", 100 * power[0] / all) + name(b), x, heat_b + side + 3));
  }
  CHECK(of_two_classes >= 6);
  CHECK(smallest > side * side / 4);       // both can be seen
  CHECK((seen[0] && seen[1] && seen[2]));  // though the set begins with images of one class

  const std::string before = content(gallery.scratch.path / "cam.png");
  gallery.write(cutmix);
  CHECK((content(gallery.scratch.path / "cam.png") == before));
  gallery.write([](const data::Batch& batch, engine::Rng& rng) {
    mixup::Plan plan = cutmix(batch, rng);
    plan.stage = 1;
    return plan;
  });
  CHECK((content(gallery.scratch.path / "cam.png") == before));  // shown as if images were mixed
}

TEST_CASE("without mixing, the heat of the true class and of the best guess are shown") {
  Gallery gallery("gallery2", {0, 1, 2});
  gallery.set.labels = {1, 1, 2};  // the first is red, and called green
  gallery.write(none);
  const data::Image cam = gallery.image("cam.png");
  CHECK(cam.width == left + 3 * step);  // one class a column: green, blue, and the second green
  REQUIRE(cam.height == head + 3 * row_height + 6);
  const int truth = head + row_height, guess = truth + row_height;
  CHECK(shows(cam, "green", left, head + side + 3));
  CHECK(shows(cam, "<0.1% green", left, truth + side + 3));
  CHECK(shows(cam, ">99.9% red", left, guess + side + 3));
  CHECK(brightness(pixel(cam, left + 9, truth + 9)) < 100);  // no green is to be seen
  CHECK(brightness(pixel(cam, left + 9, guess + 9)) > 400);
  CHECK(shows(cam, "blue", left + step, head + side + 3));

  const data::Image worst = gallery.image("worst.png"), best = gallery.image("best.png");
  CHECK(shows(worst, "guess >99.9% red", 6, head + side + 3));
  CHECK(shows(worst, "truth <0.1% green", 6, head + side + 3 + line));
  CHECK(pixel(worst, 7, head)[0] == 255);
  CHECK(shows(best, ">99.9% green", 6, head + side + 3));
  CHECK(pixel(best, 7, head)[1] == 255);
  CHECK(best.width == 360);  // of two images, as wide as a title wants
  CHECK(worst.width == 6 + 3 * step);
}

TEST_CASE("a gallery has no picture of what there is not, and does not keep an older one") {
  Gallery gallery("gallery3", {0, 1, 2, 0});
  gallery.write(cutmix);
  for (const char* name : {"cam.png", "best.png", "worst.png"}) CHECK(gallery.has(name));
  gallery.set.labels = {1, 2, 0, 1};  // all wrong
  gallery.eye.number_of_stages = 0;
  gallery.write(cutmix);
  CHECK_FALSE(gallery.has("cam.png"));
  CHECK_FALSE(gallery.has("best.png"));
  CHECK(gallery.has("worst.png"));

  Gallery alone("gallery4", {2});  // has no partner
  alone.write(cutmix);
  CHECK(alone.image("cam.png").height == head + 3 * row_height + 6);
}

TEST_CASE("the colours of heat become lighter evenly, and colour an image from dark to bright") {
  // Lightness L* of CIE 1976, 0 to 100.
  const auto lightness = [](const apps::Colour& colour) {
    const auto linear = [](double v) { return v <= 0.04045 ? v / 12.92 : std::pow((v + 0.055) / 1.055, 2.4); };
    const double y =
        0.2126 * linear(colour[0] / 255.0) + 0.7152 * linear(colour[1] / 255.0) + 0.0722 * linear(colour[2] / 255.0);
    return y > 0.008856 ? 116 * std::cbrt(y) - 16 : 903.3 * y;
  };
  for (int i = 0; i <= 100; ++i) {
    CAPTURE(i);
    CHECK(std::abs(lightness(apps::heat_colour(static_cast<float>(i) / 100)) - i) < 7);
  }
  CHECK(apps::heat_colour(-1) == apps::heat_colour(0));
  CHECK(apps::heat_colour(2) == apps::heat_colour(1));

  const float heat[] = {0, 0, 1};
  const std::vector<uint8_t> out = apps::heated({0, 0, 0, 200, 200, 200, 0, 0, 0}, heat);
  REQUIRE(out.size() == 9);
  CHECK(brightness(out.data()) < 10);
  CHECK(brightness(out.data() + 3) > 150);  // where nothing is hot the image can still be made out,
  CHECK(brightness(out.data() + 3) < 300);
  CHECK(brightness(out.data() + 6) > 350);  // and what is hot is brighter
}

TEST_CASE("long texts on a picture take more lines, and two dots say that something is left out") {
  using apps::Picture;
  using Lines = std::vector<std::string>;
  CHECK(Picture::lines("cat", 100, 2) == Lines{"cat"});
  CHECK(Picture::lines("", 100, 2) == Lines{""});
  const Lines two = Picture::lines("guess 98.0% European fire salamander", 112, 3);
  REQUIRE(two.size() == 3);
  CHECK(two[0] + " " + two[1] + " " + two[2] == "guess 98.0% European fire salamander");
  const Lines cut = Picture::lines("one two three four five six seven eight nine ten eleven twelve", 100, 2);
  REQUIRE(cut.size() == 2);
  CHECK(cut[0] == "one two three");
  CHECK(cut[1].starts_with("four five"));
  CHECK(cut[1].ends_with(".."));
  const std::string word(60, 'm');
  const Lines parts = Picture::lines(word, 100, 9);
  std::string joined;
  for (const std::string& part : parts) joined += part;
  CHECK(parts.size() > 2);
  CHECK(joined == word);
  CHECK(Picture::lines("mm", 1, 2) == Lines{"m", "m"});  // what fits nowhere does not hang
}

TEST_CASE("a picture is saved as a PNG of its very pixels") {
  const Scratch scratch("picture");
  apps::Picture picture(5, 3, {10, 20, 30});
  picture.paste({1, 2, 3, 4, 5, 6, 7, 8, 9, 250, 251, 252}, 2, 1, 1, 1);
  picture.save(scratch.path / "a.png");
  const data::Image image = data::read_image(scratch.path / "a.png");
  REQUIRE(image.width == 5);
  REQUIRE(image.height == 3);
  CHECK(std::equal(pixel(image, 0, 0), pixel(image, 1, 0), std::vector<uint8_t>{10, 20, 30}.begin()));
  CHECK(pixel(image, 2, 1)[2] == 6);
  CHECK(pixel(image, 2, 2)[0] == 250);
  CHECK_THROWS_AS(picture.save(scratch.path / "none" / "a.png"), engine::Error);
}

TEST_CASE("a sheet enlarges small images and makes large ones smaller") {
  const Scratch scratch("sheet");
  for (const std::pair<int, int>& sizes : {std::pair{32, 128}, {64, 128}, {96, 96}, {224, 112}}) {
    const int size = sizes.first, side = sizes.second;
    CAPTURE(size);
    data::Dataset set;
    set.size = size;
    apps::SheetRow row{{}, {std::vector<uint8_t>(static_cast<size_t>(size * size * 3), 200)}, {{"below"}}};
    apps::sheet(set, {row}, "title").save(scratch.path / "sheet.png");
    const data::Image image = data::read_image(scratch.path / "sheet.png");
    CHECK(image.height == head + side + 3 + line + 12);
    CHECK(pixel(image, 6 + side - 1, head + side - 1)[0] == 200);
    CHECK(pixel(image, 6 + side, head + side - 1)[0] == 250);
    CHECK(pixel(image, 6, head + side)[0] == 250);
  }
}
