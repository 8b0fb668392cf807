#include "apps/support/evaluation.h"

#include <doctest/doctest.h>

#include <cmath>

#include "tests/support/numbers.h"

using namespace support;
using engine::Variable;

namespace {

/// A network that answers batch after batch with chosen logits, and says in which mode and on what it was asked.
struct Oracle : nn::Network {
  std::vector<Tensor> answers;
  std::vector<Tensor> asked;
  size_t next = 0;

  int stages() const override { return 0; }
  Variable run(const Variable& x, nn::Mode mode, const nn::AfterStage&) override {
    CHECK(mode == nn::Mode::eval);
    asked.push_back(x.value());
    return Variable(answers.at(next++ % answers.size()));
  }
  void collect(const std::string&, nn::State&) const override {}
};

/// Four pictures of 2x2 pixels, whose classes are 0, 1, 2, 1.
data::Dataset four_pictures() {
  data::Dataset d;
  d.name = "four", d.size = 2, d.labels = {0, 1, 2, 1}, d.classes = {"a", "b", "c", "d"};
  for (int i = 0; i < 4 * 12; ++i) d.pixels.push_back(static_cast<uint8_t>(i));
  return d;
}

}  // namespace

TEST_CASE("top-1 and top-5 count the rank of the label, equal scores against it") {
  const data::Dataset d = four_pictures();
  data::Loader loader(d, {.batch = 4, .train = false, .workers = 0});
  Oracle oracle;
  oracle.answers = {Tensor::from({4, 6}, {9, 1, 1, 1, 1, 1,       // right
                                          5, 4, 3, 2, 1, 0,       // second
                                          6, 5, 1, 4, 3, 2,       // sixth
                                          7, 7, 0, 0, 0, NAN})};  // a tie, and a NaN that counts as higher
  const apps::Evaluation infinite = apps::evaluate(oracle, loader);
  CHECK(std::isnan(infinite.loss));
  CHECK(infinite.top1 == 25);
  CHECK(infinite.top5 == 75);
  oracle.answers[0].data()[23] = 0;
  const apps::Evaluation e = apps::evaluate(oracle, loader);
  CHECK(e.top1 == 25);
  CHECK(e.top5 == 75);
}

TEST_CASE("mixed top-1 and top-2 count pictures of two classes, and these alone") {
  const data::Dataset d = four_pictures();
  data::Loader loader(d, {.batch = 4, .train = false, .workers = 0});
  // Classes 0+1, 1+2, 2+0 and 1+1: the last one shows one class.
  mixup::Plan plan{.partner = {1, 2, 0, 3}, .mask = Tensor::full({4, 1, 1, 1}, 0.25f)};
  const mixup::Policy policy = [&](const data::Batch&, engine::Rng&) { return plan; };
  const auto measure = [&](const std::vector<float>& logits) {
    Oracle oracle;
    oracle.answers = {Tensor::from({4, 4}, logits)};
    const apps::MixedEvaluation m = apps::evaluate_mixed(oracle, loader, policy);
    // It was asked about the mixed pictures.
    REQUIRE(oracle.asked.size() == 1);
    CHECK_FALSE(same_bits(oracle.asked[0], Tensor(oracle.asked[0].shape())));
    const float own = 0.25f * 0 / 255, other = 0.75f * 12 / 255;  // the first byte of picture 0 and of picture 1
    CHECK(oracle.asked[0].data()[0] == doctest::Approx(own + other));
    return m;
  };
  // Both best; best of one and a stranger second; a stranger best; whatever.
  const apps::MixedEvaluation m = measure({2, 3, 1, 0, /**/ 2, 3, 1, 0, /**/ 1, 9, 2, 0, /**/ 0, 0, 0, 9});
  CHECK(m.top1 == doctest::Approx(200.0 / 3));
  CHECK(m.top2 == doctest::Approx(100.0 / 3));
  const apps::MixedEvaluation all = measure({3, 2, 1, 0, /**/ 0, 2, 3, 1, /**/ 3, 0, 2, 1, /**/ 9, 0, 0, 0});
  CHECK(all.top1 == 100);
  CHECK(all.top2 == 100);
  const apps::MixedEvaluation third = measure({3, 1, 2, 0, /**/ 2, 1, 3, 0, /**/ 3, 2, 1, 0, /**/ 9, 0, 0, 0});
  CHECK(third.top1 == 100);
  CHECK(third.top2 == 0);  // the other class is third: not enough

  plan.mask = Tensor::full({4, 1, 1, 1}, 1);  // nothing of the partner to be seen
  Oracle oracle;
  oracle.answers = {Tensor::zeros({4, 4})};
  CHECK(std::isnan(apps::evaluate_mixed(oracle, loader, policy).top2));
  plan = {.partner = {0, 1, 2, 3}};  // nothing mixed
  CHECK(std::isnan(apps::evaluate_mixed(oracle, loader, policy).top1));
}

TEST_CASE("the mixes a network is judged by are the same every time, and a last picture alone is left out") {
  const data::Dataset d = four_pictures();
  data::Loader loader(d, {.batch = 3, .train = false, .workers = 0});
  const mixup::Policy policy = mixup::make_policy("mixup", {.alpha = 1});
  Oracle first, second;
  first.answers = second.answers = {uniform({3, 4}, 1)};
  const apps::MixedEvaluation a = apps::evaluate_mixed(first, loader, policy),
                              b = apps::evaluate_mixed(second, loader, policy);
  REQUIRE(first.asked.size() == 1);
  REQUIRE(second.asked.size() == 1);
  CHECK(same_bits(first.asked[0], second.asked[0]));
  CHECK(a.top1 == b.top1);
}
