#include <doctest/doctest.h>

#include <map>
#include <numeric>

#include "engine/parallel.h"
#include "mixup/policies.h"
#include "mixup/saliency.h"
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

/// The pixels as the plan mixes them, had it been in the images and not in a later stage.
Tensor mixed_pixels(mixup::Plan plan, const Tensor& images) {
  plan.stage = 0;
  return mixup::apply(plan, images);
}

/// The mask of image i, a value for every pixel.
std::vector<float> mask_of(const mixup::Plan& plan, int64_t i, int64_t pixels) {
  if (!plan.mixes()) return std::vector<float>(static_cast<size_t>(pixels), 1);
  const int64_t own = plan.mask.elements() / plan.mask.shape()[0];
  if (own == 1) return std::vector<float>(static_cast<size_t>(pixels), plan.mask.data()[i]);
  return {plan.mask.data() + i * own, plan.mask.data() + (i + 1) * own};
}

/// The largest difference between the distribution of the values and that of a cumulative function, times the root of
/// their number (Kolmogorov): above 1.95 once in a thousand times.
template <class Cumulative>
double kolmogorov(std::vector<double> values, Cumulative cumulative) {
  std::sort(values.begin(), values.end());
  const double n = static_cast<double>(values.size());
  double worst = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    const double at = cumulative(values[i]), rank = static_cast<double>(i);
    worst = std::max({worst, std::abs(at - rank / n), std::abs(at - (rank + 1) / n)});
  }
  return worst * std::sqrt(n);
}

/// The cumulative distribution of Beta(alpha, alpha) where it has a closed form.
double beta_cumulative(double alpha, double x) {
  if (alpha == 0.5) return 2 / std::acos(-1.0) * std::asin(std::sqrt(x));
  if (alpha == 1) return x;
  return x * x * (3 - 2 * x);  // alpha 2
}

/// The first share of each of n plans.
std::vector<double> first_shares(const char* name, double alpha, const data::Batch& batch, uint32_t n) {
  const mixup::Policy policy = mixup::make_policy(name, {.alpha = alpha});
  std::vector<double> values;
  for (uint32_t step = 0; step < n; ++step) {
    Rng rng(1, Purpose::mix, 0, step);
    values.push_back(mixup::shares(policy(batch, rng))[0]);
  }
  return values;
}

/// Random numbers at the place where a policy of one entry draws its first blend, in a batch of n images.
Rng at_the_blend(uint64_t seed, uint32_t step, int n) {
  Rng rng(seed, Purpose::mix, 0, step);
  rng.uniform();  // whether to mix at all
  rng.permutation(n);
  return rng;
}

}  // namespace

TEST_CASE("every policy makes valid plans, whose targets match the pixels, from 1,000 seeds") {
  const data::Batch batch = random_batch(6, 8, 10);
  const int64_t pixels = 8 * 10;
  for (const mixup::PolicyEntry& entry : mixup::policies()) {
    for (const mixup::Draws draws : {mixup::Draws::batch, mixup::Draws::elem}) {
      CAPTURE(entry.name);
      const mixup::Policy policy = mixup::make_policy(entry.name, {.draws = draws});
      bool differ = false;  // the shares of the images of one batch
      for (uint64_t seed = 0; seed < 1000; ++seed) {
        Rng rng(seed, Purpose::mix), again(seed, Purpose::mix);
        engine::set_threads(1);
        const mixup::Plan plan = policy(batch, rng);
        engine::set_threads(3);
        const mixup::Plan repeated = policy(batch, again);
        const Tensor mixed = mixed_pixels(plan, batch.images);
        REQUIRE(same_bits(mixed, mixed_pixels(repeated, batch.images)));
        REQUIRE(plan.partner == repeated.partner);
        REQUIRE(plan.stage == repeated.stage);
        REQUIRE(plan.partner.size() == 6);
        REQUIRE(plan.kind == (plan.mixes() ? entry.kind : mixup::Kind::cutting));
        REQUIRE((plan.stage >= 0 && plan.stage < entry.stages));
        if (plan.stage > 0) REQUIRE(mixup::apply(plan, batch.images).data() == batch.images.data());

        const std::vector<float> shares = mixup::shares(plan);
        const mixup::Targets targets = mixup::targets(plan, batch.labels);
        REQUIRE(targets.kind == plan.kind);
        for (size_t i = 0; i < 6; ++i) {
          const auto partner = static_cast<size_t>(plan.partner[i]), at = i * static_cast<size_t>(pixels) * 3;
          REQUIRE(partner < 6);
          const float* own = batch.images.data() + at;
          const float* other = plan.source.defined() ? plan.source.data() + at
                                                     : batch.images.data() + partner * static_cast<size_t>(pixels) * 3;
          const float* out = mixed.data() + at;
          const std::vector<float> mask = mask_of(plan, static_cast<int64_t>(i), pixels);
          for (int64_t p = 0; p < 3 * pixels; ++p) {
            const float kept = mask[static_cast<size_t>(p / 3)];
            REQUIRE((kept >= 0 && kept <= 1));
            if (kept == 1) REQUIRE(out[p] == own[p]);
            if (kept == 0) REQUIRE(out[p] == other[p]);
            const double low = std::min(own[p], other[p]), high = std::max(own[p], other[p]);
            REQUIRE((out[p] >= low - 1e-6 && out[p] <= high + 1e-6));
            REQUIRE(std::abs(out[p] - (kept * static_cast<double>(own[p]) + (1.0 - kept) * other[p])) < 1e-6);
          }
          const double mean = std::accumulate(mask.begin(), mask.end(), 0.0) / static_cast<double>(pixels);
          REQUIRE(std::abs(mean - shares[i]) < 1e-6);
          REQUIRE(targets.lambda[i] == shares[i]);
          if (shares[i] > 0) REQUIRE(targets.a[i] == batch.labels[i]);
          if (shares[i] < 1) REQUIRE(targets.b[i] == batch.labels[partner]);
          if (shares[i] == 1 || shares[i] == 0) REQUIRE(targets.a[i] == targets.b[i]);
          differ |= shares[i] != shares[0];
        }
      }
      CHECK(differ == (draws == mixup::Draws::elem && entry.draw));
    }
  }
  engine::set_threads(2);
}

TEST_CASE("every policy serves images of a few pixels and of odd sides, and refuses a batch of one") {
  for (const mixup::PolicyEntry& entry : mixup::policies()) {
    CAPTURE(entry.name);
    const mixup::Policy policy = mixup::make_policy(entry.name, {});
    for (const Shape shape : {Shape{2, 1, 1, 3}, {2, 1, 5, 3}, {3, 7, 3, 1}, {2, 9, 11, 4}}) {
      const data::Batch batch{uniform(shape, 1), std::vector<int>(static_cast<size_t>(shape[0]))};
      for (uint32_t step = 0; step < 50; ++step) {
        Rng rng(1, Purpose::mix, 0, step);
        const mixup::Plan plan = policy(batch, rng);
        for (float value : mixed_pixels(plan, batch.images).to_vector()) REQUIRE(std::abs(value) <= 1.000001);
      }
    }
    Rng rng(1, Purpose::mix);
    const data::Batch one{uniform({1, 4, 4, 3}, 1), {0}};
    if (entry.draw) {
      CHECK_THROWS_WITH(policy(one, rng),
                        (std::string(entry.name) + ": a batch of one image has no partner to offer").c_str());
    } else {
      CHECK_FALSE(policy(one, rng).mixes());
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
  CHECK_THROWS_AS(mixup::apply({{1, 2, 0}, plan.mask, Tensor::zeros({3, 4, 5, 3})}, batch.images), engine::Error);
  CHECK_THROWS_AS(mixup::targets(plan, {0, 1}), engine::Error);
}

TEST_CASE("an image that is nowhere kept shows its partner's class alone") {
  const mixup::Plan plan{{1, 0}, Tensor::from({2, 1, 1, 1}, {0, 0.25f})};
  const mixup::Targets targets = mixup::targets(plan, {7, 8});
  CHECK(targets.a == std::vector<int>{8, 8});
  CHECK(targets.b == std::vector<int>{8, 7});
  CHECK(targets.lambda == std::vector<float>{0, 0.25f});
}

TEST_CASE("lambda is Beta(alpha, alpha) where pixels can tell, to a pixel in FMix") {
  constexpr uint32_t n = 4000;
  const data::Batch small = random_batch(2, 2, 2), large = random_batch(2, 16, 16);
  for (double alpha : {0.5, 1.0, 2.0}) {
    CAPTURE(alpha);
    const auto cumulative = [alpha](double x) { return beta_cumulative(alpha, x); };
    for (const char* name : {"mixup", "manifoldmix"}) {
      CAPTURE(name);
      CHECK(kolmogorov(first_shares(name, alpha, small, n), cumulative) < 1.95);
    }
    // Shares of whole pixels, rounded up or down evenly: uniform within a pixel around them they are Beta again, but
    // for the edges, where a pixel holds at most beta_cumulative(alpha, 1 / 256).
    std::vector<double> kept = first_shares("fmix", alpha, large, n);
    Rng rng(9, Purpose::test);
    for (double& share : kept) share = std::clamp(share + rng.uniform(-0.5, 0.5) / 256, 0.0, 1.0);
    CHECK(kolmogorov(kept, cumulative) < 1.95 + beta_cumulative(alpha, 1 / 256.0) * std::sqrt(n));
  }
  // The other way round, a wrong distribution is seen.
  CHECK(kolmogorov(first_shares("mixup", 1, small, n), [](double x) { return beta_cumulative(2, x); }) > 1.95);
}

TEST_CASE("mixup draws one lambda a batch, and one an image in mode elem") {
  const data::Batch batch = random_batch(4, 2, 2);
  Rng rng(1, Purpose::mix);
  const std::vector<float> one = mixup::shares(mixup::make_policy("mixup", {})(batch, rng));
  CHECK(one == std::vector<float>(4, one[0]));
  const mixup::Policy policy = mixup::make_policy("mixup", {.alpha = 1, .draws = mixup::Draws::elem});
  std::vector<double> values;
  for (uint32_t step = 0; step < 1000; ++step) {
    Rng draws(2, Purpose::mix, 0, step);
    for (float share : mixup::shares(policy(batch, draws))) values.push_back(share);
  }
  CHECK(kolmogorov(values, [](double x) { return x; }) < 1.95);
}

TEST_CASE("CutMix boxes follow the paper's integer arithmetic") {
  // With a known lambda the box of a given centre is known: side int(extent sqrt(1 - lambda)), halved, clipped.
  constexpr int64_t h = 8, w = 12;
  const data::Batch batch = random_batch(2, h, w);
  const mixup::Policy policy = mixup::make_policy("cutmix", {.alpha = 1});
  for (uint32_t step = 0; step < 500; ++step) {
    Rng rng(3, Purpose::mix, 0, step), draws = at_the_blend(3, step, 2);
    const mixup::Plan plan = policy(batch, rng);
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

TEST_CASE("ResizeMix shows the whole partner, its nearest pixels, in a box of 0.1 to 0.8 of the sides") {
  constexpr int64_t h = 20, w = 30;
  const data::Batch batch = random_batch(3, h, w);
  const mixup::Policy policy = mixup::make_policy("resizemix", {.alpha = 1});
  std::vector<double> ratios;
  for (uint32_t step = 0; step < 400; ++step) {
    Rng rng(3, Purpose::mix, 0, step), draws = at_the_blend(3, step, 3);
    const mixup::Plan plan = policy(batch, rng);
    double ratio = draws.uniform();
    for (draws = at_the_blend(3, step, 3); ratio = draws.beta(1, 1), ratio < 0.1 || ratio > 0.8;) continue;
    ratios.push_back(ratio);
    const int half_h = static_cast<int>(h * ratio) / 2, half_w = static_cast<int>(w * ratio) / 2;
    const int cy = static_cast<int>(draws.below(h)), cx = static_cast<int>(draws.below(w));
    const int y0 = std::max(0, cy - half_h), y1 = std::min<int>(h, cy + half_h);
    const int x0 = std::max(0, cx - half_w), x1 = std::min<int>(w, cx + half_w);
    const Tensor mixed = mixup::apply(plan, batch.images);
    const int64_t floats = h * w * 3;
    for (int64_t p = 0; p < 3 * h * w; ++p) {
      const int64_t i = p / (h * w), y = p / w % h, x = p % w;
      const bool inside = y >= y0 && y < y1 && x >= x0 && x < x1;
      REQUIRE(plan.mask.data()[p] == (inside ? 0 : 1));
      const float* expected = batch.images.data() + p * 3;
      if (inside) {
        const int64_t sy = (y - y0) * h / (y1 - y0), sx = (x - x0) * w / (x1 - x0);
        expected = batch.images.data() + plan.partner[static_cast<size_t>(i)] * floats + (sy * w + sx) * 3;
      }
      for (int k = 0; k < 3; ++k) REQUIRE(mixed.data()[p * 3 + k] == expected[k]);
    }
    CHECK(mixup::shares(plan)[0] >= 0.36f);
  }
  CHECK(kolmogorov(ratios, [](double x) { return (x - 0.1) / 0.7; }) < 1.95);
}

TEST_CASE("SaliencyMix's box has CutMix's size, around the donor's peak") {
  constexpr int64_t h = 10, w = 14;
  const data::Batch batch = random_batch(3, h, w);
  const mixup::Policy policy = mixup::make_policy("saliencymix", {.alpha = 1});
  for (uint32_t step = 0; step < 200; ++step) {
    Rng rng(3, Purpose::mix, 0, step), draws = at_the_blend(3, step, 3);
    const mixup::Plan plan = policy(batch, rng);
    const std::vector<float> map = mixup::saliency({h, w, 3, batch.images.data() + plan.partner[0] * h * w * 3});
    const int64_t peak = std::max_element(map.begin(), map.end()) - map.begin(), cy = peak / w, cx = peak % w;
    const double ratio = std::sqrt(1 - draws.beta(1, 1));
    const int64_t half_h = static_cast<int64_t>(h * ratio) / 2, half_w = static_cast<int64_t>(w * ratio) / 2;
    for (int64_t i = 0; i < 3; ++i) {
      const std::vector<float> mask = mask_of(plan, i, h * w);
      for (int64_t y = 0; y < h; ++y) {
        for (int64_t x = 0; x < w; ++x) {
          const bool inside = y >= cy - half_h && y < cy + half_h && x >= cx - half_w && x < cx + half_w;
          REQUIRE(mask[static_cast<size_t>(y * w + x)] == (inside ? 0 : 1));
        }
      }
    }
  }
}

TEST_CASE("the partners are a uniform permutation, fixed points included") {
  const data::Batch batch = random_batch(4, 2, 2);
  const mixup::Policy policy = mixup::make_policy("mixup", {});
  std::map<std::vector<int>, int> counts;
  for (uint32_t step = 0; step < 12000; ++step) {
    Rng rng(1, Purpose::mix, 0, step);
    ++counts[policy(batch, rng).partner];
  }
  CHECK(counts.size() == 24);
  for (const auto& [partner, count] : counts) CHECK(std::abs(count - 500) < 5 * std::sqrt(500.0));
}

TEST_CASE("every policy has the customary alphas") {
  const auto alphas = [](const char* name) {
    for (const mixup::PolicyEntry& entry : mixup::policies()) {
      if (entry.name == std::string(name)) return entry.alphas;
    }
    throw std::runtime_error(name);
  };
  using Row = std::array<double, 4>;
  CHECK(alphas("mixup") == Row{1, 1, 0.2, 0.2});
  CHECK(alphas("cutmix") == Row{0.2, 1, 1, 1});
  CHECK(alphas("manifoldmix") == Row{2, 0.2, 0.2, 0.5});
  CHECK(alphas("fmix") == Row{0.2, 1, 1, 0.2});
  CHECK(alphas("resizemix") == Row{1, 1, 1, 1});
  CHECK(alphas("saliencymix") == Row{0.2, 1, 1, 0.2});
  CHECK(alphas("gridmix") == Row{0.2, 0.2, 0.2, 0.2});
  CHECK(alphas("smoothmix") == Row{});
}

TEST_CASE("SaliencyMix's box is around the most salient pixel of the donor, once a batch or for each image") {
  constexpr int64_t h = 16, w = 16;
  data::Batch batch{Tensor::zeros({3, h, w, 3}), {0, 1, 2}};
  const int64_t spots[3][2] = {{3, 4}, {8, 11}, {12, 6}};
  for (int64_t i = 0; i < 3; ++i) batch.images.data()[((i * h + spots[i][0]) * w + spots[i][1]) * 3 + 1] = 1;
  for (const mixup::Draws draws : {mixup::Draws::batch, mixup::Draws::elem}) {
    const mixup::Policy policy = mixup::make_policy("saliencymix", {.alpha = 1, .draws = draws});
    int seen = 0;
    for (uint32_t step = 0; step < 200; ++step) {
      Rng rng(3, Purpose::mix, 0, step);
      const mixup::Plan plan = policy(batch, rng);
      for (int64_t i = 0; i < 3; ++i) {
        const int donor = plan.partner[draws == mixup::Draws::batch ? 0 : static_cast<size_t>(i)];
        const std::vector<float> mask = mask_of(plan, i, h * w);
        const int64_t cut = std::count(mask.begin(), mask.end(), 0.0f);
        if (cut == 0) continue;
        ++seen;
        // A box around the spot that no border clips is symmetric about it, but for the pixel that an even side has
        // on one side only.
        int64_t top = h, bottom = -1;
        for (int64_t p = 0; p < h * w; ++p) {
          if (mask[static_cast<size_t>(p)] == 0) top = std::min(top, p / w), bottom = std::max(bottom, p / w);
        }
        const int64_t spot = spots[donor][0];
        CHECK((top <= spot && bottom >= spot - 1));
        if (top > 0 && bottom < h - 1) CHECK(spot - top == bottom + 1 - spot);
      }
    }
    CHECK(seen > 200);
  }
}

TEST_CASE("GridMix cuts square holes in equal distances, and the label counts their pixels") {
  constexpr int64_t side = 32;
  const data::Batch batch = random_batch(2, side, side);
  const mixup::Policy policy = mixup::make_policy("gridmix", {.alpha = 1});
  for (uint32_t step = 0; step < 300; ++step) {
    Rng rng(3, Purpose::mix, 0, step), draws = at_the_blend(3, step, 2);
    const std::vector<float> mask = mask_of(policy(batch, rng), 0, side * side);
    const double area = draws.uniform(0.5, 1) * side * side, aspect = draws.uniform(0.5, 2);
    const int cut_w = std::min(32, static_cast<int>(std::sqrt(area / aspect)));
    const int cut_h = std::min(32, static_cast<int>(cut_w * aspect));
    const int top = static_cast<int>(draws.below(33 - cut_h)), left = static_cast<int>(draws.below(33 - cut_w));
    const int count = 2 + static_cast<int>(draws.below(5));
    const int cell = static_cast<int>(std::ceil(static_cast<double>(cut_w) / count));
    const int hole = std::clamp(static_cast<int>(cell * std::sqrt(1 - draws.beta(1, 1))), 1, cell - 1);
    for (int y = 0; y < side; ++y) {
      for (int x = 0; x < side; ++x) {
        const bool in_crop = y >= top && y < top + cut_h && x >= left && x < left + cut_w;
        const bool in_hole = in_crop && (y - top) % cell < hole && (x - left) % cell < hole;
        REQUIRE(mask[static_cast<size_t>(y * side + x)] == (in_hole ? 0 : 1));
      }
    }
  }
}

TEST_CASE("SmoothMix keeps nothing at its centre, more and more around it, and labels by what it keeps") {
  constexpr int64_t side = 24;
  const data::Batch batch = random_batch(2, side, side);
  const mixup::Policy policy = mixup::make_policy("smoothmix", {});
  for (uint32_t step = 0; step < 200; ++step) {
    Rng rng(3, Purpose::mix, 0, step), draws = at_the_blend(3, step, 2);
    const mixup::Plan plan = policy(batch, rng);
    const std::vector<float> mask = mask_of(plan, 0, side * side);
    const int64_t cy = draws.below(side), cx = draws.below(side);
    const double deviation = side * draws.uniform(0.25, 0.5);
    double sum = 0;
    for (int64_t p = 0; p < side * side; ++p) {
      const auto dy = static_cast<double>(p / side - cy), dx = static_cast<double>(p % side - cx);
      const double kept = 1 - std::exp(-(dy * dy + dx * dx) / (2 * deviation * deviation));
      REQUIRE(std::abs(mask[static_cast<size_t>(p)] - kept) < 1e-6);
      sum += kept;
    }
    CHECK(std::abs(mixup::targets(plan, batch.labels).lambda[0] - sum / (side * side)) < 1e-6);
  }
}

TEST_CASE("FMix keeps the greatest values of noise that falls with the cube of the frequency") {
  for (const auto& [h, w] : {std::pair<int64_t, int64_t>{8, 8}, {6, 9}, {7, 5}}) {
    const data::Batch batch = random_batch(2, h, w);
    const mixup::Policy policy = mixup::make_policy("fmix", {.alpha = 1});
    for (uint32_t step = 0; step < 40; ++step) {
      Rng rng(3, Purpose::mix, 0, step), draws = at_the_blend(3, step, 2);
      const std::vector<float> mask = mask_of(policy(batch, rng), 0, h * w);
      const double pixels = draws.beta(1, 1) * static_cast<double>(h * w);
      const int64_t kept = draws.below(2) == 1 ? std::llround(std::ceil(pixels)) : std::llround(std::floor(pixels));
      CHECK(std::count(mask.begin(), mask.end(), 1.0f) == kept);
      CHECK(std::count(mask.begin(), mask.end(), 0.0f) == h * w - kept);

      // The noise as a sum of waves, those beyond the middle column being the mirror images of those before it.
      std::vector<double> noise(static_cast<size_t>(h * w));
      for (int64_t v = 0; v <= w / 2; ++v) {
        for (int64_t u = 0; u < h; ++u) {
          const double fy = static_cast<double>(u <= h / 2 ? u : u - h) / static_cast<double>(h);
          const double fx = static_cast<double>(v) / static_cast<double>(w);
          const double amplitude =
              std::pow(std::max(std::sqrt(fy * fy + fx * fx), 1.0 / static_cast<double>(std::max(h, w))), -3);
          const double re = draws.normal(), im = draws.normal();
          const double times = v == 0 || 2 * v == w ? 1 : 2;
          for (int64_t p = 0; p < h * w; ++p) {
            const double phase =
                2 * std::acos(-1.0) * (fy * static_cast<double>(p / w) + fx * static_cast<double>(p % w));
            noise[static_cast<size_t>(p)] += times * amplitude * (re * std::cos(phase) - im * std::sin(phase));
          }
        }
      }
      double lowest_kept = INFINITY, highest_cut = -INFINITY, largest = 0;
      for (size_t p = 0; p < noise.size(); ++p) {
        largest = std::max(largest, std::abs(noise[p]));
        if (mask[p] == 1) lowest_kept = std::min(lowest_kept, noise[p]);
        else highest_cut = std::max(highest_cut, noise[p]);
      }
      CHECK(lowest_kept > highest_cut - 1e-5 * largest);  // the noise that is ranked is float
    }
  }
}

TEST_CASE("mix-prob is the share of batches that are mixed, or of images") {
  const data::Batch batch = random_batch(2, 2, 2);
  const mixup::Policy policy = mixup::make_policy("mixup", {.prob = 0.3});
  const mixup::Policy each = mixup::make_policy("mixup", {.prob = 0.3, .draws = mixup::Draws::elem});
  int batches = 0, images = 0;
  for (uint32_t step = 0; step < 10000; ++step) {
    Rng rng(5, Purpose::mix, 0, step), again(5, Purpose::mix, 0, step);
    batches += policy(batch, rng).mixes();
    for (float share : mixup::shares(each(batch, again))) images += share < 1;
  }
  CHECK(std::abs(batches - 3000) < 5 * std::sqrt(10000 * 0.3 * 0.7));
  CHECK(std::abs(images - 6000) < 5 * std::sqrt(20000 * 0.3 * 0.7));
}

TEST_CASE("mixing ends with mix-off-epoch") {
  data::Batch batch = random_batch(2, 2, 2);
  const mixup::Policy policy = mixup::make_policy("mixup", {.off_epoch = 3});
  for (batch.epoch = 0; batch.epoch < 6; ++batch.epoch) {
    Rng rng(5, Purpose::mix);
    CHECK(policy(batch, rng).mixes() == (batch.epoch < 3));
  }
}

TEST_CASE("the policies of a list take turns by their weights") {
  const data::Batch batch = random_batch(2, 4, 4);
  const auto cuts = [&](const std::string& list, const mixup::PolicyOptions& options) {
    const mixup::Policy policy = mixup::make_policy(list, options);
    int count = 0;
    for (uint32_t step = 0; step < 10000; ++step) {
      Rng rng(5, Purpose::mix, 0, step);
      count += policy(batch, rng).kind == mixup::Kind::cutting;
    }
    return count;
  };
  const auto near = [](int count, double share) {
    return std::abs(count - 10000 * share) < 5 * std::sqrt(10000 * share * (1 - share));
  };
  CHECK(near(cuts("mixup+cutmix", {}), 0.5));
  CHECK(near(cuts("mixup+cutmix", {.switch_prob = 0.2}), 0.2));
  CHECK(near(cuts("mixup:1+cutmix:3", {}), 0.75));
  CHECK(near(cuts("mixup@0.8+cutmix@1:2+manifoldmix:2", {}), 0.4));
}

TEST_CASE("a list of policies says alphas and weights, and the data set's family what is customary") {
  const auto written = [](const char* list, const mixup::PolicyOptions& options = {}) {
    return mixup::list_of(mixup::parse_policies(list, options));
  };
  CHECK(written("mixup") == "mixup@1");
  CHECK(written("none") == "none");
  CHECK(written("smoothmix") == "smoothmix");
  CHECK(written("mixup", {.family = data::Family::imagenet}) == "mixup@0.2");
  CHECK(written("manifoldmix", {.family = data::Family::fine_grained}) == "manifoldmix@0.5");
  CHECK(written("cutmix+fmix", {.family = data::Family::tiny_imagenet}) == "cutmix@1:1+fmix@1:1");
  CHECK(written("cutmix+mixup@0.8:2+smoothmix", {.alpha = 0.3}) == "cutmix@0.3:1+mixup@0.8:2+smoothmix:1");
  CHECK(written("mixup+cutmix", {.switch_prob = 0.25}) == "mixup@1:0.75+cutmix@0.2:0.25");

  struct Bad {
    const char* list;
    mixup::PolicyOptions options;
    const char* message;
  };
  for (const Bad& bad : std::initializer_list<Bad>{
           {"",
            {},
            "unknown policy '': known: none, mixup, cutmix, manifoldmix, fmix, resizemix, saliencymix, gridmix, "
            "smoothmix"},
           {"mixup+",
            {},
            "unknown policy '': known: none, mixup, cutmix, manifoldmix, fmix, resizemix, saliencymix, gridmix, "
            "smoothmix"},
           {"mixup@", {}, "policies 'mixup@': '' is not a number"},
           {"mixup@1x", {}, "policies 'mixup@1x': '1x' is not a number"},
           {"mixup@0", {}, "mix-alpha: 0 is not from 0.001 to 1e6"},
           {"mixup@nan", {}, "mix-alpha: nan is not from 0.001 to 1e6"},
           {"mixup", {.alpha = 0}, "mix-alpha: 0 is not from 0.001 to 1e6"},
           {"mixup", {.alpha = -1}, "mix-alpha: -1 is not from 0.001 to 1e6"},
           {"mixup:0", {}, "policies 'mixup:0': weight 0 is not above 0"},
           {"smoothmix@1", {}, "policies 'smoothmix@1': smoothmix has no alpha"},
           {"none+smoothmix", {.alpha = 1}, "mix-alpha: none+smoothmix has no alpha"},
           {"mixup", {.switch_prob = 0.5}, "mix-switch-prob: for two policies without weights, not 'mixup'"},
           {"mixup:1+cutmix:1",
            {.switch_prob = 0.5},
            "mix-switch-prob: for two policies without weights, not 'mixup:1+cutmix:1'"},
           {"mixup+cutmix", {.switch_prob = 1}, "mix-switch-prob: 1 is not between 0 and 1"},
           {"mixup", {.prob = 1.5}, "mix-prob: 1.5 is not between 0 and 1"},
           {"mixup", {.off_epoch = -1}, "mix-off-epoch: -1 is negative"},
       }) {
    CAPTURE(bad.list);
    CHECK_THROWS_WITH(mixup::make_policy(bad.list, bad.options), bad.message);
  }
  CHECK_THROWS_WITH(mixup::make_policy("cutmux", {}), doctest::Contains("did you mean 'cutmix'?"));
}
