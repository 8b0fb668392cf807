#include <doctest/doctest.h>

#include <map>

#include "data/loader.h"
#include "tests/support/numbers.h"

using namespace support;
using data::Batch;
using data::Dataset;
using data::Loader;

namespace {

/// Pictures of one byte value each, the number of the picture, so that a batch tells which ones it holds.
Dataset numbered(int64_t count, int64_t size) {
  Dataset d;
  d.name = "numbered";
  d.size = size;
  for (int64_t i = 0; i < count; ++i) {
    d.labels.push_back(static_cast<int>(i % 3));
    d.pixels.insert(d.pixels.end(), static_cast<size_t>(size * size * 3), static_cast<uint8_t>(i));
  }
  d.classes = {"a", "b", "c"};
  return d;
}

std::vector<Batch> epoch(Loader& loader, int64_t number) {
  std::vector<Batch> batches;
  loader.start(number);
  for (Batch batch; loader.next(batch);) batches.push_back(std::move(batch));
  return batches;
}

}  // namespace

TEST_CASE("batches do not depend on the number of workers") {
  data::Dataset d = data::load_dataset("shapes", data::Split::train, {.train_count = 103});
  Loader reference(d, {.batch = 10, .seed = 9, .workers = 0});
  for (int workers : {1, 2, 5}) {
    Loader loader(d, {.batch = 10, .seed = 9, .workers = workers, .ahead = 2});
    for (int64_t e : {0, 1, 0}) {
      const auto a = epoch(reference, e), b = epoch(loader, e);
      REQUIRE(a.size() == 10);
      REQUIRE(b.size() == 10);
      for (size_t i = 0; i < a.size(); ++i) {
        CHECK(a[i].labels == b[i].labels);
        CHECK(same_bits(a[i].images, b[i].images));
        CHECK(b[i].step == e * 10 + static_cast<int64_t>(i));
      }
    }
  }
}

TEST_CASE("an epoch shows every picture once, in another order each time") {
  const Dataset d = numbered(64, 4);
  Loader loader(d, {.batch = 16, .seed = 1});
  std::vector<std::vector<int>> orders;
  for (int64_t e = 0; e < 2; ++e) {
    std::vector<int> order;
    for (const Batch& batch : epoch(loader, e)) {
      for (int64_t i = 0; i < batch.count(); ++i) {
        const int number = data::denormalize(batch.images.data()[i * 48], d.normalization, 0);
        CHECK(batch.labels[static_cast<size_t>(i)] == number % 3);
        order.push_back(number);
      }
    }
    orders.push_back(order);
    std::sort(order.begin(), order.end());
    for (int i = 0; i < 64; ++i) CHECK(order[static_cast<size_t>(i)] == i);
  }
  CHECK(orders[0] != orders[1]);
}

TEST_CASE("training drops a last short batch, testing keeps it and the order") {
  const Dataset d = numbered(50, 4);
  Loader train(d, {.batch = 16}), test(d, {.batch = 16, .train = false});
  CHECK(epoch(train, 0).size() == 3);
  const auto batches = epoch(test, 0);
  CHECK(batches.size() == 4);
  CHECK(batches[3].count() == 2);
  CHECK(batches[3].images.shape() == Shape{2, 4, 4, 3});
  CHECK(data::denormalize(batches[3].images.data()[0], d.normalization, 0) == 48);
}

TEST_CASE("an epoch can be left in the middle and a new one started") {
  const Dataset d = numbered(64, 4);
  Loader loader(d, {.batch = 8, .workers = 2});
  Batch batch;
  loader.start(0);
  loader.next(batch);
  loader.start(1);
  CHECK(epoch(loader, 1).size() == 8);
  CHECK_FALSE(loader.next(batch));
}

TEST_CASE("an epoch can be entered in the middle: the rest is the same") {
  const Dataset d = data::load_dataset("shapes", data::Split::train, {.train_count = 60});
  for (int workers : {0, 2}) {
    Loader whole(d, {.batch = 8, .seed = 3, .workers = workers}), rest(d, {.batch = 8, .seed = 3, .workers = workers});
    const std::vector<Batch> all = epoch(whole, 4);
    rest.start(4, 5);
    size_t at = 5;
    for (Batch batch; rest.next(batch); ++at) {
      REQUIRE(at < all.size());
      CHECK(batch.labels == all[at].labels);
      CHECK(same_bits(batch.images, all[at].images));
      CHECK(batch.step == all[at].step);
    }
    CHECK(at == 7);
    Batch batch;
    rest.start(4, 7);
    CHECK_FALSE(rest.next(batch));
    CHECK_THROWS_AS(rest.start(4, 8), engine::Error);
  }
}

TEST_CASE("a loader must be started, and counts its waiting with and without workers") {
  const data::Dataset d = data::load_dataset("shapes", data::Split::train, {.train_count = 256});
  for (int workers : {0, 1}) {
    Loader loader(d, {.batch = 64, .workers = workers});
    Batch batch;
    CHECK_THROWS_AS(loader.next(batch), engine::Error);
    epoch(loader, 0);
    CHECK(loader.waited() > 0);
  }
}

TEST_CASE("a data set smaller than a batch is refused by name") {
  const Dataset d = numbered(5, 4);
  CHECK_THROWS_WITH(Loader(d, {.batch = 6}), "data set numbered: its 5 pictures do not fill one batch of 6");
  CHECK_THROWS_AS(Loader(d, {.batch = 0}), engine::Error);
}

namespace {

std::vector<uint8_t> gradient_picture(int64_t size) {
  std::vector<uint8_t> picture;
  for (int64_t i = 0; i < size * size * 3; ++i) picture.push_back(static_cast<uint8_t>(i * 5 + 1));
  return picture;
}

}  // namespace

TEST_CASE("a picture is normalised by channel, and denormalize undoes it for every byte") {
  const data::Normalization n{{0.1f, 0.5f, 0.9f}, {0.2f, 0.3f, 0.4f}};
  for (int v = 0; v < 256; ++v) {
    const std::vector<uint8_t> pixel(3, static_cast<uint8_t>(v));
    float out[3];
    data::prepare({1, 1, pixel.data()}, 1, n, {}, engine::Rng(0, engine::Purpose::test), out);
    for (int k = 0; k < 3; ++k) {
      const auto c = static_cast<size_t>(k);
      CHECK(out[k] == doctest::Approx((v / 255.0 - n.mean[c]) / n.deviation[c]).epsilon(1e-5));
      CHECK(data::denormalize(out[k], n, k) == v);
    }
  }
}

TEST_CASE("augmentation shifts and mirrors, equally often in each of its ways, and fills as asked") {
  constexpr int64_t size = 6;
  constexpr int pad = 1, draws = 9000;
  const std::vector<uint8_t> picture = gradient_picture(size);
  for (const data::Border border : {data::Border::zero, data::Border::reflect}) {
    // Every possible result, made from the definition, and how often it came.
    std::map<std::string, int> counts;
    for (int dy = -pad; dy <= pad; ++dy) {
      for (int dx = -pad; dx <= pad; ++dx) {
        for (bool mirrored : {false, true}) {
          std::string expected;
          for (int64_t y = 0; y < size; ++y) {
            for (int64_t x = 0; x < size; ++x) {
              int64_t sy = y + dy, sx = (mirrored ? size - 1 - x : x) + dx;
              const bool inside = sy >= 0 && sx >= 0 && sy < size && sx < size;
              sy = sy < 0 ? 1 : sy >= size ? size - 2 : sy;  // the neighbour inside the border pixel
              sx = sx < 0 ? 1 : sx >= size ? size - 2 : sx;
              for (int64_t k = 0; k < 3; ++k) {
                const uint8_t value = picture[static_cast<size_t>((sy * size + sx) * 3 + k)];
                expected.push_back(inside || border == data::Border::reflect ? static_cast<char>(value) : 0);
              }
            }
          }
          counts[expected] = 0;
        }
      }
    }
    REQUIRE(counts.size() == 18);
    for (uint32_t i = 0; i < draws; ++i) {
      std::vector<float> out(size * size * 3);
      data::prepare({size, size, picture.data()}, size, {}, {.pad = pad, .border = border, .flip = true},
                    engine::Rng(1, engine::Purpose::augment, 0, i), out.data());
      std::string bytes;
      for (float value : out) bytes.push_back(static_cast<char>(data::denormalize(value, {}, 0)));
      REQUIRE(counts.contains(bytes));
      ++counts[bytes];
    }
    for (const auto& [bytes, count] : counts) CHECK(std::abs(count - draws / 18.0) < 5 * std::sqrt(draws / 18.0));
  }
}

TEST_CASE("a random part has the area and aspect that are asked for, and lies anywhere") {
  constexpr int64_t h = 60, w = 90;
  double smallest = 1, largest = 0, left = w, right = 0;
  for (uint32_t i = 0; i < 3000; ++i) {
    engine::Rng rng(1, engine::Purpose::augment, 0, i);
    const data::Crop part = data::random_part(h, w, 0.08, rng);
    REQUIRE((part.y >= 0 && part.x >= 0 && part.height >= 1 && part.width >= 1));
    REQUIRE((part.y + part.height <= h && part.x + part.width <= w));
    const double area = static_cast<double>(part.height * part.width) / (h * w);
    const double aspect = static_cast<double>(part.width) / static_cast<double>(part.height);
    CHECK((aspect > 0.7 && aspect < 1.42));  // 3/4 to 4/3, rounded to pixels
    smallest = std::min(smallest, area), largest = std::max(largest, area);
    left = std::min(left, static_cast<double>(part.x));
    right = std::max(right, static_cast<double>(part.x + part.width));
  }
  CHECK((smallest > 0.07 && smallest < 0.1));
  CHECK(largest > 0.85);  // 60 x 80 is 0.89
  CHECK((left == 0 && right == w));
  engine::Rng rng(1, engine::Purpose::augment);
  const data::Crop middle = data::random_part(10, 100, 1, rng);  // never fits: the middle, 10 x 13
  CHECK((middle.y == 0 && middle.x == 43 && middle.height == 10 && middle.width == 13));
}

TEST_CASE("a resized crop is that part of the picture, made as large, mirrored half of the time") {
  constexpr int64_t size = 12;
  const std::vector<uint8_t> picture = gradient_picture(size);
  int mirrored = 0;
  for (uint32_t i = 0; i < 400; ++i) {
    const engine::Rng rng(1, engine::Purpose::augment, 0, i);
    std::vector<float> out(size * size * 3);
    data::prepare({size, size, picture.data()}, size, {},
                  {.pad = 4, .flip = true, .crop = data::Cropping::resized, .filter = data::Filter::bicubic}, rng,
                  out.data());
    engine::Rng draws = rng;
    const std::vector<uint8_t> part =
        data::resize({size, size, picture.data()}, data::random_part(size, size, 0.08, draws), size, size,
                     data::Filter::bicubic)
            .pixels;
    bool same = true, flipped = true;
    for (int64_t y = 0; y < size; ++y) {
      for (int64_t x = 0; x < size * 3; ++x) {
        const uint8_t value = data::denormalize(out[static_cast<size_t>(y * size * 3 + x)], {}, 0);
        same &= value == part[static_cast<size_t>(y * size * 3 + x)];
        flipped &= value == part[static_cast<size_t>(y * size * 3 + (size - 1 - x / 3) * 3 + x % 3)];
      }
    }
    CHECK((same || flipped));
    mirrored += !same;
  }
  CHECK(std::abs(mirrored - 200) < 5 * std::sqrt(400 * 0.25));
}

TEST_CASE("the middle of a resized picture is that of all of it, shifted and reflected at its own border") {
  const std::vector<uint8_t> pixels = gradient_picture(40);  // 40 x 40 of which 30 x 40 are used
  const data::ImageView picture(30, 40, pixels.data());
  constexpr int64_t size = 16, pad = 5;
  for (const int64_t side : {18, 20, 33}) {
    const int64_t width = side * 40 / 30, dy = std::lrint(static_cast<double>(side - size) / 2),
                  dx = std::lrint(static_cast<double>(width - size) / 2);
    const data::Image whole = data::resize(picture, {0, 0, 30, 40}, side, width, data::Filter::bicubic);
    for (uint32_t i = 0; i < 30; ++i) {
      const engine::Rng rng(2, engine::Purpose::augment, 0, i);
      std::vector<float> out(size * size * 3);
      data::prepare(
          picture, size, {},
          {.pad = pad, .border = data::Border::reflect, .filter = data::Filter::bicubic, .shorter_side = side}, rng,
          out.data());
      engine::Rng draws = rng;
      const int64_t y0 = dy + draws.below(2 * pad + 1) - pad, x0 = dx + draws.below(2 * pad + 1) - pad;
      const auto inside = [](int64_t at, int64_t end) { return at < 0 ? -at : at < end ? at : 2 * (end - 1) - at; };
      bool same = true;
      for (int64_t y = 0; y < size; ++y) {
        for (int64_t x = 0; x < size * 3; ++x) {
          const int64_t from = (inside(y0 + y, side) * width + inside(x0 + x / 3, width)) * 3 + x % 3;
          same &= data::denormalize(out[static_cast<size_t>(y * size * 3 + x)], {}, 0) ==
                  whole.pixels[static_cast<size_t>(from)];
        }
      }
      CHECK(same);
    }
  }
}

TEST_CASE("a picture of one row costs no more than what is taken of it") {
  const std::vector<uint8_t> row(3 * 16384, 7);  // made 224 high it would have 3.7 million columns, 2.5 GB
  std::vector<float> out(224 * 224 * 3);
  data::prepare({1, 16384, row.data()}, 224, {}, {.shorter_side = 256}, engine::Rng(0, engine::Purpose::test),
                out.data());
  CHECK(data::denormalize(out[100], {}, 0) == 7);
}
