#include <doctest/doctest.h>

#include <algorithm>
#include <set>

#include "engine/ops.h"
#include "nn/networks.h"
#include "tests/support/numbers.h"

using namespace support;
using engine::Variable;
using nn::Mode;

TEST_CASE("every network maps images to logits, and every parameter gets a gradient") {
  for (const nn::NetworkEntry& entry : nn::networks()) {
    CAPTURE(entry.name);
    const auto network = entry.make({.classes = 7, .size = 32, .seed = 1});
    const Variable logits = network->forward(Variable(uniform({2, 32, 32, 3}, 1)), Mode::train);
    CHECK(logits.shape() == Shape{2, 7});
    engine::backward(logits, uniform({2, 7}, 2));
    std::set<std::string> names;
    for (const nn::Entry& e : nn::state_of(*network)) {
      CAPTURE(e.name);
      CHECK(names.insert(e.name).second);
      if (e.kind == nn::Entry::Kind::buffer) continue;
      REQUIRE(e.variable.grad().defined());
      CHECK(e.variable.grad().shape() == e.variable.shape());
      const std::vector<float> gradient = e.variable.grad().to_vector();
      CHECK(std::all_of(gradient.begin(), gradient.end(), [](float g) { return std::isfinite(g); }));
    }
  }
}

TEST_CASE("networks have the parameters of their PyTorch twins") {
  const auto count = [](const char* name, int64_t classes) {
    return nn::count_parameters(*nn::make_network(name, {.classes = classes}));
  };
  CHECK(count("resnet18", 100) == 11220132);
  // 1x1 shortcuts add (16 32 + 2 32) + (32 64 + 2 64) = 2752 to the published 269,722, 464,154 and 853,018 of the thin
  // family
  CHECK(count("resnet20", 10) == 269722 + 2752);
  CHECK(count("resnet32", 10) == 464154 + 2752);
  CHECK(count("resnet56", 10) == 853018 + 2752);
  CHECK(count("linear", 10) == 3072 * 10 + 10);
  CHECK(count("resnext50", 100) == 23177124);
  CHECK(count("wrn28-2", 10) == 1467610);
  CHECK(count("wrn28-8", 10) == 23354842);
  CHECK(count("wrn28-10", 10) == 36479194);
  const auto imagenet = [](const char* name) {
    return nn::count_parameters(*nn::make_network(name, {.classes = 1000, .stem = nn::Stem::imagenet}));
  };
  CHECK(imagenet("resnet18") == 11689512);
  CHECK(imagenet("resnet34") == 21797672);
  CHECK(imagenet("resnet50") == 25557032);
  CHECK(imagenet("resnext50") == 25028904);
}

TEST_CASE("the entries of a residual network have PyTorch's names") {
  const auto network = nn::make_network("resnet18", {.classes = 100});
  const nn::State state = nn::state_of(*network);
  CHECK(state.size() == 122 - 20);  // without the 20 counters num_batches_tracked
  std::set<std::string> names;
  for (const nn::Entry& entry : state) names.insert(entry.name);
  for (const char* name : {"conv1.weight", "bn1.running_var", "layer1.0.conv1.weight", "layer2.0.downsample.0.weight",
                           "layer2.0.downsample.1.running_mean", "layer4.1.bn2.bias", "fc.bias"}) {
    CHECK(names.contains(name));
  }
  CHECK_FALSE(names.contains("layer1.0.downsample.0.weight"));
}

TEST_CASE("the seed decides the weights") {
  const auto first = [](uint64_t seed) {
    return nn::state_of(*nn::make_network("resnet20", {.seed = seed}))[0].variable.value();
  };
  CHECK(same_bits(first(1), first(1)));
  CHECK_FALSE(same_bits(first(1), first(2)));
}

TEST_CASE("convolutions start with Kaiming's variance") {
  for (const nn::Entry& entry : nn::state_of(*nn::make_network("resnet18", {}))) {
    const Shape& s = entry.variable.shape();
    if (s.rank() != 4) continue;
    CAPTURE(entry.name);
    const double n = static_cast<double>(s.elements()), variance = 2.0 / static_cast<double>(s[0] * s[1] * s[2]);
    double sum = 0;
    for (float w : entry.variable.value().to_vector()) sum += w * w;
    CHECK(std::abs(sum / n / variance - 1) < 5 * std::sqrt(2 / n));  // five standard errors
  }
}

TEST_CASE("eval mode uses the running statistics and changes nothing") {
  const auto network = nn::make_network("resnet20", {.seed = 1});
  const Variable x(uniform({4, 32, 32, 3}, 1));
  std::vector<Tensor> before;
  for (const nn::Entry& entry : nn::state_of(*network)) before.push_back(entry.variable.value().clone());
  const Tensor all = network->forward(x, Mode::eval).value();
  const nn::State state = nn::state_of(*network);
  for (size_t i = 0; i < state.size(); ++i) CHECK(same_bits(before[i], state[i].variable.value()));

  // An image's logits do not depend on the rest of the batch.
  const Tensor one =
      network->forward(Variable(Tensor::from({1, 32, 32, 3}, {x.value().data(), x.value().data() + 3072})), Mode::eval)
          .value();
  CHECK(relative_error(one.to_vector(), std::vector<float>(all.data(), all.data() + 10)) < 1e-5);
  network->forward(x, Mode::train);
  CHECK_FALSE(same_bits(all, network->forward(x, Mode::eval).value()));
}

TEST_CASE("an unknown network is answered with the nearest one") {
  CHECK_THROWS_WITH(
      nn::make_network("resnet19", {}),
      "unknown model 'resnet19': did you mean 'resnet18'? known: linear, resnet18, resnet34, resnet50, resnext50, "
      "resnet20, resnet32, resnet56, wrn28-2, wrn28-8, wrn28-10");
}

TEST_CASE("the stem for large pictures takes a quarter of their sides, and its gradient comes back") {
  const auto network = nn::make_network("resnet18", {.classes = 5, .size = 64, .stem = nn::Stem::imagenet});
  std::vector<int64_t> sides;
  const Variable logits =
      network->forward(Variable(uniform({2, 64, 64, 3}, 1)), Mode::train, [&](int, const Variable& y) {
        sides.push_back(y.shape()[1]);
        return y;
      });
  CHECK(sides == std::vector<int64_t>{16, 8, 4, 2});
  engine::backward(logits, uniform({2, 5}, 2));
  for (const nn::Entry& e : nn::state_of(*network)) {
    if (e.kind != nn::Entry::Kind::buffer) CHECK(e.variable.grad().defined());
  }
}

TEST_CASE("with zero_init_last a residual block of like shape starts as its shortcut") {
  for (const char* name : {"resnet20", "resnet50"}) {
    int zeros = 0, blocks = 0;
    for (const nn::Entry& e : nn::state_of(*nn::make_network(name, {.zero_init_last = true}))) {
      const std::string last = name == std::string("resnet20") ? ".bn2.weight" : ".bn3.weight";
      if (!e.name.ends_with(last)) continue;
      ++blocks;
      zeros += e.variable.value().data()[0] == 0;
    }
    CHECK(blocks == (name == std::string("resnet20") ? 9 : 16));
    CHECK(zeros == blocks);
  }
}

TEST_CASE("the options of batch norm reach every layer") {
  const auto y = [](const nn::NormOptions& norm, const char* name) {
    const auto network = nn::make_network(name, {.seed = 1, .norm = norm});
    network->forward(Variable(uniform({2, 32, 32, 3}, 1)), Mode::train);
    return nn::state_of(*network);
  };
  for (const char* name : {"resnet20", "wrn28-2"}) {
    const nn::State usual = y({}, name), slow = y({.momentum = 0.001f}, name);
    for (size_t i = 0; i < usual.size(); ++i) {
      if (!usual[i].name.ends_with("running_mean")) continue;
      CAPTURE(usual[i].name);
      const float a = usual[i].variable.value().data()[0], b = slow[i].variable.value().data()[0];
      CHECK(b == doctest::Approx(a / 100).epsilon(1e-4));
    }
    const auto logits = [&](const nn::NormOptions& norm) {
      return nn::make_network(name, {.seed = 1, .norm = norm})
          ->forward(Variable(uniform({2, 32, 32, 3}, 1)), Mode::train)
          .value();
    };
    CHECK_FALSE(same_bits(logits({}), logits({.eps = 0.1f})));
    CHECK_FALSE(same_bits(logits({}), logits({.leak = 0.1f})));
  }
}
