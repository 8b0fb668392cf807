#include <doctest/doctest.h>

#include <numeric>

#include "engine/ops.h"
#include "mixup/losses.h"
#include "mixup/losses/dm.h"
#include "mixup/losses/dm_bce.h"
#include "tests/support/loss_variants.h"
#include "tests/support/numbers.h"

using namespace support;
using engine::Rng;
using engine::Variable;
using mixup::BceTarget;
using mixup::Kind;
using mixup::LossOptions;
using mixup::Pair;
using mixup::Reduction;
using mixup::Sides;

namespace {

struct Value {
  double loss;
  std::vector<double> gradient;
  std::vector<std::pair<const char*, double>> terms;
};

const mixup::LossEntry& entry_of(const std::string& name) {
  for (const auto& entry : mixup::losses()) {
    if (entry.name == name) return entry;
  }
  throw std::runtime_error(name);
}

Value explain(const LossVariant& variant, const std::vector<double>& z, Pair pair) {
  Value value{0, std::vector<double>(z.size(), NAN), {}};
  pair.kind = variant.kind;
  const auto [loss, terms] =
      entry_of(variant.name)
          .explain(z.data(), static_cast<int>(z.size()), pair, variant.options, value.gradient.data());
  value.loss = loss;
  value.terms = terms;
  return value;
}

double sum(const std::vector<double>& values) { return std::accumulate(values.begin(), values.end(), 0.0); }

/// Random rows: few and many classes, shares at the ends, in the middle and between, equal classes too.
struct Row {
  std::vector<double> z;
  Pair pair;
};
std::vector<Row> random_rows() {
  Rng rng(1, engine::Purpose::test);
  std::vector<Row> rows;
  for (int i = 0; i < 300; ++i) {
    const auto classes = std::vector<int>{2, 3, 4, 10, 100}[static_cast<size_t>(i % 5)];
    Row row{std::vector<double>(static_cast<size_t>(classes)), {}};
    for (double& z : row.z) z = 3 * rng.normal();
    const double shares[] = {0, 0.5, 1, rng.uniform(), rng.uniform(), i % 4 < 2 ? 1e-4 : 1 - 1e-4};
    row.pair = {static_cast<int>(rng.below(classes)), static_cast<int>(rng.below(classes)), shares[i % 6]};
    rows.push_back(row);
  }
  return rows;
}

/// Calls body(variant) for each; a failure says which loss and which of its variants.
template <class Body>
void for_each_variant(Body body) {
  int number = 0;
  for (const LossVariant& variant : loss_variants()) {
    const std::string which = engine::text(variant.name, ", variant ", number++);
    CAPTURE(which);
    body(variant);
  }
}

}  // namespace

TEST_CASE("every loss of the table is among the variants that are tested") {
  for (const mixup::LossEntry& entry : mixup::losses()) {
    const std::vector<LossVariant> all = loss_variants();
    CHECK(std::any_of(all.begin(), all.end(),
                      [&](const LossVariant& variant) { return variant.name == std::string(entry.name); }));
  }
}

TEST_CASE("the worked examples come out to ten digits") {
  const std::vector<double> z{2, 1, 0, -1};
  struct Example {
    LossVariant variant;
    double loss;
    std::vector<double> gradient;
  };
  const double s2 = 0.8807970780, s1 = 0.7310585786, s0 = 0.5, s_1 = 0.2689414214;  // sigmoids of z
  for (const Example& example : std::initializer_list<Example>{
           {{"ce"}, 1.1401896985611952, {0.3439142599, -0.4631171819, 0.0871443187, 0.0320586033}},
           {{"dm"}, 1.1979348969612618, {0.3282937333, -0.4965930863, 0.1230366858, 0.0452626672}},
           {{"dm", {.dm_sides = Sides::labeled}},
            1.1571743005168238,
            {0.3282937333, -0.4631171819, 0.0985638387, 0.0362596099}},
           {{"dm-bce"}, 2.8215985666, {0.5057970780, -0.1439414214, 0.5, 0.2689414214}},
           {{"dm-bce", {}, true, Kind::interpolation}, 2.5144934251, {0.3330745205, -0.1056014479, 0.5, 0.2689414214}},
           {{"dm-bce", {.dm_t = 1, .dm_xi = 1}}, 3.1465985666, {s2 - 0.3, s1 - 0.7, s0, s_1}},
           {{"bce"}, 3.1465985666, {s2 - 0.3, s1 - 0.7, s0, s_1}},
           {{"bce", {.bce_reduction = Reduction::mean}},
            3.1465985666 / 4,
            {(s2 - 0.3) / 4, (s1 - 0.7) / 4, s0 / 4, s_1 / 4}},
           {{"bce", {.bce_target = BceTarget::two}}, 1.4465985666, {s2 - 1, s1 - 1, s0, s_1}},
           {{"dm-bce", {.dm_t = 0}}, 1.4465985666, {s2 - 1, s1 - 1, s0, s_1}}}) {
    CAPTURE(example.variant.name);
    const Value value = explain(example.variant, z, {0, 1, 0.3});
    CHECK(std::abs(value.loss - example.loss) < 1e-10);
    CHECK(relative_error(value.gradient, example.gradient) < 1e-9);
  }
  const auto terms = explain({"dm"}, z, {0, 1, 0.3}).terms;
  REQUIRE(terms.size() == 3);
  CHECK(std::abs(terms[1].second - 0.16984601955628564) < 1e-14);
  CHECK(std::abs(terms[2].second - 0.40760596444438035) < 1e-14);
  const auto targets = explain({"dm-bce"}, z, {0, 1, 0.3}).terms;
  CHECK(targets[1].second == doctest::Approx(0.375).epsilon(1e-14));
  CHECK(targets[2].second == doctest::Approx(0.875).epsilon(1e-14));

  const std::vector<double> uniform_logits(10, 3.5);
  CHECK(explain({"ce"}, uniform_logits, {0, 1, 0.3}).loss == doctest::Approx(std::log(10)).epsilon(1e-12));
  CHECK(explain({"dm", {.dm_eta = 1}}, uniform_logits, {0, 1, 0.3}).loss ==
        doctest::Approx(std::log(10) + 2 * std::log(9)).epsilon(1e-12));
}

TEST_CASE("every loss: the gradient is that of central differences") {
  for_each_variant([](const LossVariant& variant) {
    for (Row row : random_rows()) {
      const Value value = explain(variant, row.z, row.pair);
      for (size_t c = 0; c < row.z.size(); ++c) {
        const double at = row.z[c];
        row.z[c] = at + 1e-5;
        const double above = explain(variant, row.z, row.pair).loss;
        row.z[c] = at - 1e-5;
        const double below = explain(variant, row.z, row.pair).loss;
        row.z[c] = at;
        CHECK(std::abs((above - below) / 2e-5 - value.gradient[c]) < 1e-7);
      }
    }
  });
}

TEST_CASE("the gradient of a loss on softmax, and of each of its terms alone, sums to zero") {
  for_each_variant([](const LossVariant& variant) {
    for (const Row& row : random_rows()) {
      if (variant.softmax()) CHECK(std::abs(sum(explain(variant, row.z, row.pair).gradient)) < 1e-13);
    }
  });
  for (const Row& row : random_rows()) {
    if (row.pair.a == row.pair.b) continue;
    std::vector<double> term(row.z.size());
    mixup::decoupled_term(row.z.data(), static_cast<int>(row.z.size()), row.pair.a, row.pair.b, 1.0, term.data());
    CHECK(std::abs(sum(term)) < 1e-13);
    CHECK(term[static_cast<size_t>(row.pair.b)] == 0);  // the other class is left alone
  }
}

TEST_CASE("every loss as an op: the mean of the weighted rows and its gradient, from float logits") {
  for_each_variant([](const LossVariant& variant) {
    for (int64_t classes : {2, 5, 100}) {
      const int64_t n = 37;
      const Variable logits = Variable::leaf(uniform({n, classes}, 3, -4, 4));
      mixup::Targets targets;
      targets.kind = variant.kind;
      Rng rng(2, engine::Purpose::test);
      double loss = 0;
      std::vector<double> gradient;
      for (int64_t i = 0; i < n; ++i) {
        targets.a.push_back(static_cast<int>(rng.below(classes)));
        targets.b.push_back(static_cast<int>(rng.below(classes)));
        targets.lambda.push_back(static_cast<float>(rng.uniform()));
        if (classes == 5) targets.weight.push_back(static_cast<float>(rng.below(3)) / 2);
        const double weight = targets.weight.empty() ? 1 : targets.weight.back();
        const float* z = logits.value().data() + i * classes;
        const Value row =
            explain(variant, {z, z + classes}, {targets.a.back(), targets.b.back(), targets.lambda.back()});
        loss += weight * row.loss / static_cast<double>(n);
        for (double slope : row.gradient) gradient.push_back(3 * weight * slope / static_cast<double>(n));
      }
      const Variable value = entry_of(variant.name).make(variant.options)(logits, targets);
      CHECK(value.value().item() == doctest::Approx(loss).epsilon(1e-6));
      engine::backward(engine::scale(value, 3));
      CHECK(relative_error(logits.grad().to_vector(), gradient) < 1e-5);
    }
  });
}

TEST_CASE("every loss: finite and with a finite gradient for logits up to 1e4") {
  for_each_variant([](const LossVariant& variant) {
    for (float size : {50.0f, 1e3f, 1e4f}) {
      for (const std::vector<float>& signs :
           {std::vector<float>{1, -1, 0}, {-1, 1, 0}, {-1, -1, 1}, {1, 1, -1}, {1, 1, 1}, {-1, -1, -1}}) {
        for (float lambda : {0.0f, 0.5f, 1.0f}) {
          const Variable logits =
              Variable::leaf(Tensor::from({1, 3}, {size * signs[0], size * signs[1], size * signs[2]}));
          const mixup::Targets targets{{0}, {1}, {lambda}, {}, variant.kind};
          const Variable loss = entry_of(variant.name).make(variant.options)(logits, targets);
          CHECK(std::isfinite(loss.value().item()));
          engine::backward(loss);
          const std::vector<double> z{size * signs[0], size * signs[1], size * signs[2]};
          const Value exact = explain(variant, z, {0, 1, lambda});
          CHECK(loss.value().item() == doctest::Approx(exact.loss).epsilon(1e-5));
          for (size_t c = 0; c < 3; ++c) CHECK(std::abs(logits.grad().data()[c] - exact.gradient[c]) < 1e-6);
        }
      }
    }
  });
}

TEST_CASE("every loss: renaming the classes changes nothing, nor does exchanging both images") {
  Rng rng(6, engine::Purpose::test);
  for_each_variant([&](const LossVariant& variant) {
    for (const Row& row : random_rows()) {
      const Value value = explain(variant, row.z, row.pair);
      const std::vector<int> name = rng.permutation(static_cast<int>(row.z.size()));
      std::vector<double> renamed(row.z.size());
      for (size_t c = 0; c < row.z.size(); ++c) renamed[static_cast<size_t>(name[c])] = row.z[c];
      const int a = row.pair.a, b = row.pair.b;
      const Pair new_pair{name[static_cast<size_t>(a)], name[static_cast<size_t>(b)], row.pair.lambda};
      const Value other = explain(variant, renamed, new_pair);
      CHECK(other.loss == doctest::Approx(value.loss).epsilon(1e-13));
      for (size_t c = 0; c < row.z.size(); ++c) {
        CHECK(std::abs(other.gradient[static_cast<size_t>(name[c])] - value.gradient[c]) < 1e-13);
      }
      if (!variant.symmetric) continue;
      const Value exchanged = explain(variant, row.z, {b, a, 1 - row.pair.lambda});
      CHECK(exchanged.loss == doctest::Approx(value.loss).epsilon(1e-12));
      CHECK(relative_error(exchanged.gradient, value.gradient) < 1e-12);
    }
  });
}

TEST_CASE("DM(CE) is mixup cross entropy for two classes, and plain cross entropy for one class in the picture") {
  for (const Row& row : random_rows()) {
    const Value ce = explain({"ce"}, row.z, row.pair), dm = explain({"dm"}, row.z, row.pair);
    const double lambda = row.pair.lambda;
    if (row.z.size() == 2 || row.pair.a == row.pair.b || std::min(lambda, 1 - lambda) <= 1e-3) {
      CHECK(dm.loss == ce.loss);
      CHECK(relative_error(dm.gradient, ce.gradient) < 1e-15);
    } else {
      CHECK(dm.loss > ce.loss);
    }
    if (row.pair.a == row.pair.b || lambda == 1) {
      const auto label = static_cast<size_t>(row.pair.a);
      double total = 0;
      for (double z : row.z) total += std::exp(z - row.z[label]);
      CHECK(ce.loss == doctest::Approx(std::log(total)).epsilon(1e-12));
    }
  }
}

TEST_CASE("the options of DM(CE) weigh its two terms") {
  const std::vector<double> z{0.5, -1, 2, 0.25, 1};
  const auto extra = [&](const LossOptions& options, double lambda) {
    return explain({"dm", options}, z, {2, 4, lambda}).loss - explain({"ce"}, z, {2, 4, lambda}).loss;
  };
  const double a = explain({"dm"}, z, {2, 4, 0.3}).terms[1].second, b = explain({"dm"}, z, {2, 4, 0.3}).terms[2].second;
  const auto equals = [](double expected) { return doctest::Approx(expected).epsilon(1e-12); };
  CHECK(extra({.dm_eta = 0.2}, 0.3) == equals(0.2 * (a + b)));
  CHECK(extra({.dm_eta = 0.2}, 0.5) == equals(0.2 * (a + b)));  // an even share is no exception
  CHECK(extra({.dm_eta = 1, .dm_weight_power = 1}, 0.3) == equals(0.3 * a + 0.7 * b));
  CHECK(extra({.dm_eta = 1, .dm_weight_power = 0.5}, 0.3) == equals(std::sqrt(0.3) * a + std::sqrt(0.7) * b));
  CHECK(extra({.dm_eta = 1, .dm_sides = Sides::minor}, 0.3) == equals(a));
  CHECK(extra({.dm_eta = 1, .dm_sides = Sides::minor}, 0.7) == equals(b));
  CHECK(extra({.dm_eta = 1, .dm_sides = Sides::major}, 0.3) == equals(b));
  CHECK(extra({.dm_eta = 1, .dm_sides = Sides::major}, 0.7) == equals(a));
  CHECK(extra({.dm_eta = 1, .dm_sides = Sides::minor}, 0.5) == equals(a + b));
  CHECK(extra({.dm_eta = 1, .dm_sides = Sides::major}, 0.5) == equals(a + b));
  CHECK(extra({.dm_eta = 1, .dm_sides = Sides::labeled}, 0.3) == equals(a));
  CHECK(extra({.dm_eta = 1, .dm_sides = Sides::labeled}, 0.9) == equals(a));
  CHECK(extra({.dm_eta = 1, .dm_min_share = 0.4}, 0.3) == 0);
  CHECK(extra({.dm_eta = 1, .dm_min_share = 0.375}, 0.375) == 0);  // at the cut-off too
  CHECK(extra({.dm_eta = 1, .dm_min_share = 0.4}, 0.45) == equals(a + b));
  CHECK(extra({.dm_eta = 1, .dm_min_share = 0}, 1e-6) == equals(a + b));
  CHECK(extra({.dm_eta = 0}, 0.3) == 0);
  const double smoothed = explain({"dm", {.smoothing = 0.1}}, z, {2, 4, 0.3}).loss;
  CHECK(smoothed - explain({"ce", {.smoothing = 0.1}}, z, {2, 4, 0.3}).loss == equals(0.1 * (a + b)));
}

TEST_CASE("the rescaled share of DM(BCE) rises from 0 to 1 at xi") {
  CHECK(mixup::rescaled(0.0, 1.0, 0.8) == 0);
  CHECK(mixup::rescaled(0.0, 0.0, 0.8) == 0);
  CHECK(mixup::rescaled(0.4, 1.0, 0.8) == doctest::Approx(0.5));
  CHECK(mixup::rescaled(0.4, 2.0, 0.8) == doctest::Approx(0.25));
  CHECK(mixup::rescaled(0.8, 1.0, 0.8) == 1);
  CHECK(mixup::rescaled(0.9, 1.0, 0.8) == 1);
  CHECK(mixup::rescaled(0.25, 0.5, 1.0) == doctest::Approx(0.5));
  CHECK(mixup::rescaled(1.0, 0.5, 1.0) == 1);
  CHECK(mixup::rescaled(0.01, 0.0, 1.0) == 1);
}

TEST_CASE("of one class in the picture the losses on sigmoids ask for 1, never for more") {
  const std::vector<double> z{0.5, -1, 2};
  const Value plain = explain({"bce"}, z, {1, 1, 1});
  for (const LossVariant& variant : std::initializer_list<LossVariant>{
           {"bce"}, {"bce", {.bce_target = BceTarget::two}}, {"dm-bce"}, {"dm-bce", {}, true, Kind::interpolation}}) {
    for (const Pair pair : {Pair{1, 1, 0.5}, Pair{1, 1, 0.3}, Pair{1, 0, 1}, Pair{0, 1, 0}}) {
      CHECK(explain(variant, z, pair).loss == doctest::Approx(plain.loss).epsilon(1e-12));
      CHECK(relative_error(explain(variant, z, pair).gradient, plain.gradient) < 1e-12);
    }
  }
}

TEST_CASE("mixup cross entropy is the engine's cross entropy with the mixed and smoothed target") {
  const Variable logits(uniform({4, 6}, 1, -3, 3));
  const mixup::Targets targets{{0, 1, 5, 2}, {3, 1, 0, 4}, {0.3f, 0.5f, 1, 0}};
  for (float smoothing : {0.0f, 0.1f}) {
    Tensor soft = Tensor::full({4, 6}, smoothing / 6);
    for (int64_t i = 0; i < 4; ++i) {
      const auto k = static_cast<size_t>(i);
      soft.data()[i * 6 + targets.a[k]] += (1 - smoothing) * targets.lambda[k];
      soft.data()[i * 6 + targets.b[k]] += (1 - smoothing) * (1 - targets.lambda[k]);
    }
    CHECK(mixup::make_loss("ce", {.smoothing = smoothing})(logits, targets).value().item() ==
          doctest::Approx(engine::softmax_cross_entropy(logits, soft).value().item()).epsilon(1e-6));
  }
}

TEST_CASE("targets that do not fit the logits are refused, and so are logits that are not numbers") {
  const Variable logits(uniform({2, 3}, 1));
  for (const mixup::LossEntry& entry : mixup::losses()) {
    const std::string name = entry.name;
    const mixup::Loss loss = entry.make({});
    CHECK_THROWS_AS(loss(logits, {{0}, {1}, {0.5f}}), engine::Error);
    CHECK_THROWS_AS(loss(logits, {{0, 1}, {1}, {0.5f, 0.5f}}), engine::Error);
    CHECK_THROWS_AS(loss(logits, {{0, 1}, {1, 2}, {0.5f, 0.5f}, {1}}), engine::Error);
    CHECK_THROWS_AS(loss(logits, {{0, 1}, {1, 2}, {0.5f, 0.5f}, {1, -1}}), engine::Error);
    CHECK_THROWS_WITH(loss(logits, {{0, 3}, {1, 1}, {0.5f, 0.5f}}),
                      (name + ": classes 3 and 1 of row 1 are not among 3").c_str());
    CHECK_THROWS_WITH(loss(logits, {{0, 0}, {1, 1}, {0.5f, 1.5f}}),
                      (name + ": share 1.5 of row 1 is not from 0 to 1").c_str());
    CHECK_THROWS_AS(loss(logits, {{0, 0}, {1, 1}, {0.5f, NAN}}), engine::Error);
    CHECK_THROWS_WITH(loss(Variable(Tensor::from({2, 3}, {1, 2, 3, 4, NAN, 6})), {{0, 0}, {1, 1}, {1, 1}}),
                      (name + ": logit 1 of row 1 is nan; try a lower learning rate").c_str());
    for (const float bad : {INFINITY, -INFINITY}) {
      CHECK_THROWS_AS(loss(Variable(Tensor::from({1, 3}, {1, 2, bad})), {{0}, {1}, {0.3f}}), engine::Error);
    }
  }
}

TEST_CASE("impossible options are refused") {
  for (const LossVariant& bad : std::initializer_list<LossVariant>{{"dm", {.dm_eta = -1}},
                                                                   {"dm", {.dm_eta = NAN}},
                                                                   {"dm", {.dm_weight_power = -1}},
                                                                   {"dm", {.dm_min_share = 0.5}},
                                                                   {"dm", {.smoothing = 1}},
                                                                   {"ce", {.smoothing = -0.1}},
                                                                   {"bce", {.smoothing = NAN}},
                                                                   {"dm-bce", {.dm_t = -1}},
                                                                   {"dm-bce", {.dm_xi = 0}},
                                                                   {"dm-bce", {.dm_xi = 1.1}},
                                                                   {"dm-bce", {.dm_xi = NAN}},
                                                                   {"dn", {}}}) {
    CAPTURE(bad.name);
    CHECK_THROWS_AS(mixup::make_loss(bad.name, bad.options), engine::Error);
  }
}
