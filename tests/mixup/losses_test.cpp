#include <doctest/doctest.h>

#include <numeric>

#include "engine/ops.h"
#include "mixup/losses.h"
#include "tests/support/numbers.h"

using namespace support;
using engine::Rng;
using engine::Variable;
using mixup::Pair;

namespace {

struct Value {
  double loss;
  std::vector<double> gradient;
};

Value explain(const mixup::LossEntry& entry, const std::vector<double>& z, Pair pair, double eta = 0.1) {
  Value value{0, std::vector<double>(z.size(), NAN)};
  value.loss = entry.explain(z.data(), static_cast<int>(z.size()), pair, {.dm_eta = eta}, value.gradient.data()).loss;
  return value;
}

const mixup::LossEntry& entry_of(const std::string& name) {
  for (const auto& entry : mixup::losses()) {
    if (entry.name == name) return entry;
  }
  throw std::runtime_error(name);
}

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

}  // namespace

TEST_CASE("the worked example comes out to ten digits") {
  const std::vector<double> z{2, 1, 0, -1};
  const Value ce = explain(entry_of("ce"), z, {0, 1, 0.3}), dm = explain(entry_of("dm"), z, {0, 1, 0.3});
  CHECK(std::abs(ce.loss - 1.1401896985611952) < 1e-14);
  CHECK(std::abs(dm.loss - 1.1979348969612618) < 1e-14);
  CHECK(relative_error(ce.gradient, std::vector{0.3439142599, -0.4631171819, 0.0871443187, 0.0320586033}) < 1e-9);
  CHECK(relative_error(dm.gradient, std::vector{0.3282937333, -0.4965930863, 0.1230366858, 0.0452626672}) < 1e-9);
  std::vector<double> unused(4);
  const auto terms = entry_of("dm").explain(z.data(), 4, {0, 1, 0.3}, {}, unused.data()).terms;
  REQUIRE(terms.size() == 3);
  CHECK(std::abs(terms[1].second - 0.16984601955628564) < 1e-14);
  CHECK(std::abs(terms[2].second - 0.40760596444438035) < 1e-14);

  const std::vector<double> uniform_logits(10, 3.5);
  CHECK(explain(entry_of("ce"), uniform_logits, {0, 1, 0.3}).loss == doctest::Approx(std::log(10)).epsilon(1e-12));
  CHECK(explain(entry_of("dm"), uniform_logits, {0, 1, 0.3}, 1).loss ==
        doctest::Approx(std::log(10) + 2 * std::log(9)).epsilon(1e-12));
}

TEST_CASE("every loss: the gradient is that of central differences, and sums to zero") {
  for (const mixup::LossEntry& entry : mixup::losses()) {
    CAPTURE(entry.name);
    for (Row row : random_rows()) {
      const Value value = explain(entry, row.z, row.pair);
      CHECK(std::abs(std::accumulate(value.gradient.begin(), value.gradient.end(), 0.0)) < 1e-13);
      for (size_t c = 0; c < row.z.size(); ++c) {
        const double at = row.z[c];
        row.z[c] = at + 1e-5;
        const double above = explain(entry, row.z, row.pair).loss;
        row.z[c] = at - 1e-5;
        const double below = explain(entry, row.z, row.pair).loss;
        row.z[c] = at;
        CHECK(std::abs((above - below) / 2e-5 - value.gradient[c]) < 1e-7);
      }
    }
  }
}

TEST_CASE("every loss as an op: the mean of the rows and its gradient, from float logits") {
  for (const mixup::LossEntry& entry : mixup::losses()) {
    CAPTURE(entry.name);
    for (int64_t classes : {2, 5, 100}) {
      const int64_t n = 37;
      const Variable logits = Variable::leaf(uniform({n, classes}, 3, -4, 4));
      mixup::Targets targets;
      Rng rng(2, engine::Purpose::test);
      double loss = 0;
      std::vector<double> gradient;
      for (int64_t i = 0; i < n; ++i) {
        targets.a.push_back(static_cast<int>(rng.below(classes)));
        targets.b.push_back(static_cast<int>(rng.below(classes)));
        targets.lambda.push_back(static_cast<float>(rng.uniform()));
        const float* z = logits.value().data() + i * classes;
        const Value row =
            explain(entry, {z, z + classes}, {targets.a.back(), targets.b.back(), targets.lambda.back()}, 0.25);
        loss += row.loss / static_cast<double>(n);
        for (double slope : row.gradient) gradient.push_back(3 * slope / static_cast<double>(n));
      }
      const Variable value = entry.make({.dm_eta = 0.25})(logits, targets);
      CHECK(value.value().item() == doctest::Approx(loss).epsilon(1e-6));
      engine::backward(engine::scale(value, 3));
      CHECK(relative_error(logits.grad().to_vector(), gradient) < 1e-5);
    }
  }
}

TEST_CASE("every loss: finite and with a finite gradient for logits up to 1e4") {
  for (const mixup::LossEntry& entry : mixup::losses()) {
    CAPTURE(entry.name);
    for (float size : {50.0f, 1e3f, 1e4f}) {
      for (const std::vector<float>& signs :
           {std::vector<float>{1, -1, 0}, {-1, 1, 0}, {-1, -1, 1}, {1, 1, -1}, {1, 1, 1}}) {
        for (float lambda : {0.0f, 0.5f, 1.0f}) {
          const Variable logits =
              Variable::leaf(Tensor::from({1, 3}, {size * signs[0], size * signs[1], size * signs[2]}));
          const Variable loss = entry.make({})(logits, {{0}, {1}, {lambda}});
          CHECK(std::isfinite(loss.value().item()));
          engine::backward(loss);
          for (float slope : logits.grad().to_vector()) CHECK(std::isfinite(slope));
        }
      }
    }
  }
}

TEST_CASE("every loss: renaming the classes changes nothing, nor does exchanging both images") {
  Rng rng(6, engine::Purpose::test);
  for (const mixup::LossEntry& entry : mixup::losses()) {
    CAPTURE(entry.name);
    for (const Row& row : random_rows()) {
      const Value value = explain(entry, row.z, row.pair);
      const std::vector<int> name = rng.permutation(static_cast<int>(row.z.size()));
      std::vector<double> renamed(row.z.size());
      for (size_t c = 0; c < row.z.size(); ++c) renamed[static_cast<size_t>(name[c])] = row.z[c];
      const auto [a, b, lambda] = row.pair;
      const Value other = explain(entry, renamed, {name[static_cast<size_t>(a)], name[static_cast<size_t>(b)], lambda});
      CHECK(other.loss == doctest::Approx(value.loss).epsilon(1e-13));
      for (size_t c = 0; c < row.z.size(); ++c) {
        CHECK(std::abs(other.gradient[static_cast<size_t>(name[c])] - value.gradient[c]) < 1e-13);
      }
      const Value exchanged = explain(entry, row.z, {b, a, 1 - lambda});
      CHECK(exchanged.loss == doctest::Approx(value.loss).epsilon(1e-12));
      CHECK(relative_error(exchanged.gradient, value.gradient) < 1e-12);
    }
  }
}

TEST_CASE("DM(CE) is mixup cross entropy for two classes, and plain cross entropy for one class in the picture") {
  for (const Row& row : random_rows()) {
    const Value ce = explain(entry_of("ce"), row.z, row.pair), dm = explain(entry_of("dm"), row.z, row.pair);
    const auto [a, b, lambda] = row.pair;
    if (row.z.size() == 2 || a == b || std::min(lambda, 1 - lambda) <= 1e-3) {
      CHECK(dm.loss == ce.loss);
      CHECK(relative_error(dm.gradient, ce.gradient) < 1e-15);
    } else {
      CHECK(dm.loss > ce.loss);
    }
    if (a == b || lambda == 1) {
      const auto label = static_cast<size_t>(a);
      double sum = 0;
      for (double z : row.z) sum += std::exp(z - row.z[label]);
      CHECK(ce.loss == doctest::Approx(std::log(sum)).epsilon(1e-12));
    }
  }
}

TEST_CASE("mixup cross entropy is the engine's cross entropy with the mixed target") {
  const Variable logits(uniform({4, 6}, 1, -3, 3));
  const mixup::Targets targets{{0, 1, 5, 2}, {3, 1, 0, 4}, {0.3f, 0.5f, 1, 0}};
  Tensor soft = Tensor::zeros({4, 6});
  for (int64_t i = 0; i < 4; ++i) {
    const auto k = static_cast<size_t>(i);
    soft.data()[i * 6 + targets.a[k]] += targets.lambda[k];
    soft.data()[i * 6 + targets.b[k]] += 1 - targets.lambda[k];
  }
  CHECK(mixup::make_loss("ce", {})(logits, targets).value().item() ==
        doctest::Approx(engine::softmax_cross_entropy(logits, soft).value().item()).epsilon(1e-6));
}

TEST_CASE("targets that do not fit the logits are refused") {
  const Variable logits(uniform({2, 3}, 1));
  const mixup::Loss loss = mixup::make_loss("dm", {});
  CHECK_THROWS_AS(loss(logits, {{0}, {1}, {0.5f}}), engine::Error);
  CHECK_THROWS_WITH(loss(logits, {{0, 3}, {1, 1}, {0.5f, 0.5f}}), "dm: classes 3 and 1 of row 1 are not among 3");
  CHECK_THROWS_AS(mixup::make_loss("dm", {.dm_eta = -1}), engine::Error);
  CHECK_THROWS_AS(mixup::make_loss("dn", {}), engine::Error);
}
