#include "apps/support/extremes.h"

#include <doctest/doctest.h>

#include <cmath>

#include "tests/support/numbers.h"

using namespace support;

namespace {

/// Pictures of one pixel, whose red says which one it is.
data::Batch batch_of(const std::vector<int>& labels, int first) {
  data::Batch batch{Tensor::zeros({static_cast<int64_t>(labels.size()), 1, 1, 3}), labels};
  for (size_t i = 0; i < labels.size(); ++i) {
    batch.images.data()[i * 3] = (static_cast<float>(first) + static_cast<float>(i)) / 255;
  }
  return batch;
}

std::vector<int> reds(const std::vector<apps::Extremes::Example>& examples) {
  std::vector<int> reds;
  for (const auto& one : examples) reds.push_back(one.pixels.at(0));
  return reds;
}

}  // namespace

TEST_CASE("the surest right and the worst pictures are kept over batches, of equal ones the earlier") {
  apps::Extremes extremes({}, 3);
  extremes.add(batch_of({0, 1, 0, 0}, 0), Tensor::from({4, 3}, {2, 0, 0,     //
                                                                9, 0, 0,     // wrong, very
                                                                2, 0, 0,     // as sure as the first
                                                                4, 3, 0}));  //
  extremes.add(batch_of({1, 2, 2, 0}, 4), Tensor::from({4, 3}, {0, 5, 0,     // surest
                                                                0, 3, 0,     // wrong
                                                                0, 3, 0,     // as wrong as the one before
                                                                2, 0, 0}));  // as sure as the first, and too late
  CHECK(reds(extremes.best()) == std::vector{4, 0, 2});
  CHECK(reds(extremes.worst()) == std::vector{1, 5, 6});

  const auto& [pixels, label, guess, label_probability, guess_probability, order] = extremes.worst()[0];
  CHECK(pixels == std::vector<uint8_t>{1, 0, 0});
  CHECK(label == 1);
  CHECK(guess == 0);
  CHECK(label_probability == doctest::Approx(1 / (std::exp(9.0) + 2)));
  CHECK(guess_probability == doctest::Approx(std::exp(9.0) / (std::exp(9.0) + 2)));
  CHECK(order == doctest::Approx(std::log(label_probability)));
  CHECK(extremes.best()[0].label_probability == doctest::Approx(std::exp(5.0) / (std::exp(5.0) + 2)));
}

TEST_CASE("what is not a number is worst, and never among the best") {
  apps::Extremes extremes({}, 2);
  extremes.add(batch_of({0, 0, 0, 1}, 0), Tensor::from({4, 2}, {0, 30,           //
                                                                NAN, 0,          // its first class looks best
                                                                -INFINITY, 0,    // impossible, and so is a NaN
                                                                0, INFINITY}));  //
  CHECK(extremes.best().empty());
  CHECK(reds(extremes.worst()) == std::vector{1, 2});
  CHECK(std::isnan(extremes.worst()[0].label_probability));
  CHECK(extremes.worst()[1].label_probability == 0);
  CHECK(extremes.worst()[1].guess == 1);
}

TEST_CASE("fewer pictures than are kept are all there, and the pixels are those before normalisation") {
  const data::Normalization normalization{{0.5f, 0.4f, 0.3f}, {0.2f, 0.3f, 0.4f}};
  apps::Extremes extremes(normalization, 16);
  data::Batch batch{Tensor({2, 2, 2, 3}), {0, 1}};
  for (int64_t i = 0; i < 24; ++i) {
    const auto c = static_cast<size_t>(i % 3);
    batch.images.data()[i] = (static_cast<float>(10 * i) / 255 - normalization.mean[c]) / normalization.deviation[c];
  }
  extremes.add(batch, Tensor::from({2, 2}, {1, 0, 1, 0}));
  CHECK(extremes.best().size() == 1);
  REQUIRE(extremes.worst().size() == 2);
  for (size_t i = 0; i < 12; ++i) {
    CHECK(extremes.worst()[0].pixels.at(i) == 120 + 10 * i);
    CHECK(extremes.best()[0].pixels.at(i) == 10 * i);
  }
  apps::Extremes none({}, 0);
  none.add(batch, Tensor::from({2, 2}, {1, 0, 1, 0}));
  CHECK(none.worst().empty());
}
