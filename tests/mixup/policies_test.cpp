#include <doctest/doctest.h>

#include <numeric>

#include "engine/parallel.h"
#include "mixup/policies.h"
#include "tests/support/numbers.h"

using namespace support;
using engine::Purpose;
using engine::Rng;

namespace {

data::Batch random_batch(int64_t n, int64_t h, int64_t w) {
  data::Batch batch{uniform({n, h, w, 3}, 8), {}, 0, 0};
  Rng rng(4, Purpose::test);
  for (int64_t i = 0; i < n; ++i) batch.labels.push_back(static_cast<int>(rng.below(4)));
  return batch;
}

}  // namespace

TEST_CASE("every policy makes valid plans, whose targets match the pixels, from 1,000 seeds") {
  const data::Batch batch = random_batch(6, 8, 10);
  const int64_t floats = 8 * 10 * 3;
  for (const mixup::PolicyEntry& entry : mixup::policies()) {
    CAPTURE(entry.name);
    const mixup::Policy policy = mixup::make_policy(entry.name, {.alpha = std::max(entry.alpha, 0.1)});
    for (uint64_t seed = 0; seed < 1000; ++seed) {
      Rng rng(seed, Purpose::mix), again(seed, Purpose::mix);
      const mixup::Plan plan = policy(batch, rng), repeated = policy(batch, again);
      const Tensor mixed = mixup::apply(plan, batch.images);
      const mixup::Targets targets = mixup::targets(plan, batch.labels);
      REQUIRE(same_bits(mixed, mixup::apply(repeated, batch.images)));
      REQUIRE(plan.partner == repeated.partner);
      REQUIRE(plan.partner.size() == 6);

      const std::vector<float> shares = mixup::shares(plan);
      for (size_t i = 0; i < 6; ++i) {
        const auto partner = static_cast<size_t>(plan.partner[i]);
        REQUIRE(partner < 6);
        const float* own = batch.images.data() + static_cast<int64_t>(i) * floats;
        const float* other = batch.images.data() + static_cast<int64_t>(partner) * floats;
        const float* out = mixed.data() + static_cast<int64_t>(i) * floats;

        // The share in the label is the share in the pixels: sum (out - other)(own - other) = mean(mask) sum (own -
        // other)^2 holds pixel by pixel with the mask in place of its mean, so the mask is measured from the pixels
        // here.
        double kept = 0;
        for (int64_t p = 0; p < floats; ++p) {
          const double low = std::min(own[p], other[p]), high = std::max(own[p], other[p]);
          REQUIRE((out[p] >= low - 1e-6 && out[p] <= high + 1e-6));
          kept += own[p] == other[p] ? 0 : (out[p] - other[p]) / (static_cast<double>(own[p]) - other[p]);
        }
        if (partner != i) REQUIRE(kept / static_cast<double>(floats) == doctest::Approx(shares[i]).epsilon(1e-3));
        REQUIRE(targets.lambda[i] == shares[i]);
        if (shares[i] > 0) REQUIRE(targets.a[i] == batch.labels[i]);
        if (shares[i] < 1) REQUIRE(targets.b[i] == batch.labels[partner]);
        if (shares[i] == 1 || shares[i] == 0) REQUIRE(targets.a[i] == targets.b[i]);
      }
    }
  }
}

TEST_CASE("a plan of no mixing leaves the images and labels as they are") {
  const data::Batch batch = random_batch(5, 4, 4);
  const mixup::Plan plan = mixup::unmixed(batch);
  CHECK(mixup::apply(plan, batch.images).data() == batch.images.data());
  const mixup::Targets targets = mixup::targets(plan, batch.labels);
  CHECK(targets.a == batch.labels);
  CHECK(targets.b == batch.labels);
  CHECK(targets.lambda == std::vector<float>(5, 1));
}

TEST_CASE("where the mask is 1 or 0 a pixel is copied bit for bit") {
  const data::Batch batch = random_batch(3, 4, 4);
  mixup::Plan plan{{1, 2, 0}, Tensor::full({3, 4, 4, 1}, 1)};
  for (int64_t p = 0; p < 48; p += 2) plan.mask.data()[p] = 0;
  const Tensor mixed = mixup::apply(plan, batch.images);
  for (int64_t i = 0; i < 3; ++i) {
    for (int64_t p = 0; p < 48; ++p) {
      const int64_t from = p / 3 % 2 == 0 ? plan.partner[static_cast<size_t>(i)] : i;
      CHECK(mixed.data()[i * 48 + p] == batch.images.data()[from * 48 + p]);
    }
  }
  CHECK_THROWS_AS(mixup::apply({{1, 2, 0}, Tensor::full({3, 5, 4, 1}, 1)}, batch.images), engine::Error);
  CHECK_THROWS_AS(mixup::apply({{1, 2}, plan.mask}, batch.images), engine::Error);
  CHECK_THROWS_AS(mixup::apply({{1, 2, 3}, plan.mask}, batch.images), engine::Error);
  CHECK_THROWS_AS(mixup::targets(plan, {0, 1}), engine::Error);
}

TEST_CASE("an image that is nowhere kept shows its partner's class alone") {
  const mixup::Plan plan{{1, 0}, Tensor::from({2, 1, 1, 1}, {0, 0.25f})};
  const mixup::Targets targets = mixup::targets(plan, {7, 8});
  CHECK(targets.a == std::vector<int>{8, 8});
  CHECK(targets.b == std::vector<int>{8, 7});
  CHECK(targets.lambda == std::vector<float>{0, 0.25f});
}

TEST_CASE("mixup draws one lambda a batch, Beta(alpha, alpha)") {
  const data::Batch batch = random_batch(4, 2, 2);
  for (double alpha : {0.2, 1.0}) {
    const mixup::Policy policy = mixup::make_policy("mixup", {.alpha = alpha});
    double sum = 0, squares = 0;
    constexpr int n = 20000;
    for (uint32_t step = 0; step < n; ++step) {
      Rng rng(1, Purpose::mix, 0, step);
      const std::vector<float> shares = mixup::shares(policy(batch, rng));
      CHECK(shares == std::vector<float>(4, shares[0]));
      sum += shares[0] - 0.5;
      squares += (shares[0] - 0.5) * (shares[0] - 0.5);
    }
    const double variance = 0.25 / (2 * alpha + 1), fourth = 3 / (16 * (2 * alpha + 1) * (2 * alpha + 3));
    CHECK(std::abs(sum / n) < 5 * std::sqrt(variance / n));
    CHECK(std::abs(squares / n - variance) < 5 * std::sqrt((fourth - variance * variance) / n));
  }
}

TEST_CASE("CutMix boxes follow the paper's integer arithmetic") {
  // With a known lambda the box of a given centre is known: side int(extent sqrt(1 - lambda)), halved, clipped.
  constexpr int64_t h = 8, w = 12;
  const data::Batch batch = random_batch(2, h, w);
  const mixup::Policy policy = mixup::make_policy("cutmix", {.alpha = 1});
  for (uint32_t step = 0; step < 500; ++step) {
    Rng rng(3, Purpose::mix, 0, step), draws(3, Purpose::mix, 0, step);
    const mixup::Plan plan = policy(batch, rng);
    draws.uniform();  // whether to mix at all
    const double ratio = std::sqrt(1 - draws.beta(1, 1));
    const int cut_h = static_cast<int>(h * ratio), cut_w = static_cast<int>(w * ratio);
    const int cy = static_cast<int>(draws.below(h)), cx = static_cast<int>(draws.below(w));
    int kept = 0;
    for (int y = 0; y < h; ++y) {
      for (int x = 0; x < w; ++x) {
        const bool inside = y >= cy - cut_h / 2 && y < cy + cut_h / 2 && x >= cx - cut_w / 2 && x < cx + cut_w / 2;
        CHECK(plan.mask.data()[y * w + x] == (inside ? 0 : 1));
        kept += !inside;
      }
    }
    CHECK(mixup::shares(plan)[0] == doctest::Approx(kept / 96.0));
  }
}

TEST_CASE("mix-prob is the share of batches that are mixed") {
  const data::Batch batch = random_batch(2, 2, 2);
  const mixup::Policy policy = mixup::make_policy("mixup", {.alpha = 1, .prob = 0.3});
  int mixed = 0;
  for (uint32_t step = 0; step < 10000; ++step) {
    Rng rng(5, Purpose::mix, 0, step);
    mixed += policy(batch, rng).mixes();
  }
  CHECK(std::abs(mixed - 3000) < 5 * std::sqrt(10000 * 0.3 * 0.7));
  CHECK_THROWS_AS(mixup::make_policy("mixup", {.prob = 1.5}), engine::Error);
  CHECK_THROWS_AS(mixup::make_policy("mixup", {.alpha = 0}), engine::Error);
  CHECK_THROWS_AS(mixup::make_policy("cutmux", {}), engine::Error);
}
