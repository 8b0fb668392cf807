#include "mixup/plan.h"

#include <doctest/doctest.h>

#include "engine/ops.h"
#include "mixup/losses.h"
#include "mixup/policies.h"
#include "nn/networks.h"
#include "tests/support/numbers.h"

using namespace support;
using engine::Purpose;
using engine::Rng;
using engine::Variable;
using nn::Mode;

TEST_CASE("a network's stages are heard in order, with halving sides and doubling channels") {
  struct Sizes {
    const char* name;
    int stages;
    int64_t side, channels;  // of the first
  };
  for (const Sizes& sizes : {Sizes{"resnet20", 3, 32, 16}, {"resnet18", 4, 32, 64}, {"wrn28-2", 3, 32, 32}}) {
    CAPTURE(sizes.name);
    const auto network = nn::make_network(sizes.name, {});
    CHECK(network->stages() == sizes.stages);
    int heard = 0;
    network->forward(Variable(uniform({2, 32, 32, 3}, 1)), Mode::train, [&](int stage, const Variable& y) {
      CHECK(stage == ++heard);
      CHECK(y.shape() == Shape{2, sizes.side >> (stage - 1), sizes.side >> (stage - 1), sizes.channels << (stage - 1)});
      return y;
    });
    CHECK(heard == sizes.stages);
  }
  CHECK(nn::make_network("linear", {})->stages() == 0);
}

TEST_CASE("a plan for a later stage mixes what that stage makes of the images, and nothing before it") {
  const auto network = nn::make_network("resnet20", {.seed = 1});
  const Tensor images = uniform({3, 16, 16, 3}, 2);
  for (int stage = 0; stage <= 2; ++stage) {
    CAPTURE(stage);
    const mixup::Plan plan{.partner = {1, 2, 0}, .mask = Tensor::from({3, 1, 1, 1}, {0.25f, 0.5f, 1}), .stage = stage};
    const auto blend = [](const Tensor& x) {
      Tensor y(x.shape());
      const float share[] = {0.25f, 0.5f, 1};
      const int64_t floats = x.elements() / 3;
      for (int64_t i = 0; i < 3; ++i) {
        for (int64_t k = 0; k < floats; ++k) {
          y.data()[i * floats + k] =
              share[i] * x.data()[i * floats + k] + (1 - share[i]) * x.data()[(i + 1) % 3 * floats + k];
        }
      }
      return Variable(y);
    };
    const Variable expected =
        network->forward(stage == 0 ? blend(images) : Variable(images), Mode::eval,
                         [&](int k, const Variable& y) { return k == stage ? blend(y.value()) : y; });
    const Variable logits = mixup::forward(*network, plan, images, Mode::eval);
    CHECK(relative_error(logits.value().to_vector(), expected.value().to_vector()) < 1e-5);
  }
  const mixup::Plan deep{.partner = {1, 2, 0}, .mask = Tensor::full({3, 1, 1, 1}, 0.5f), .stage = 4};
  CHECK_THROWS_WITH(mixup::forward(*network, deep, images, Mode::eval), "mix: stage 4 of a network with 3");
}

TEST_CASE("in ManifoldMix both images of a pair teach the layers before the mix") {
  // The gradient of image 0's loss with respect to what image 1 was made of is 1 - lambda of what it is for image 0.
  const Variable x = Variable::leaf(uniform({2, 3, 3, 2}, 1));
  const Variable mixed = engine::mix(x, {1, 0}, Tensor::full({2, 1, 1, 1}, 0.3f));
  Tensor dy = Tensor::zeros({2, 3, 3, 2});
  for (int k = 0; k < 18; ++k) dy.data()[k] = static_cast<float>(k + 1);
  engine::backward(mixed, dy);
  for (int k = 0; k < 18; ++k) {
    CHECK(x.grad().data()[k] == doctest::Approx(0.3 * (k + 1)));
    CHECK(x.grad().data()[18 + k] == doctest::Approx(0.7 * (k + 1)));
  }
}

TEST_CASE("ManifoldMix draws each of three stages alike, and trains every parameter through any of them") {
  const data::Batch batch{uniform({4, 16, 16, 3}, 1), {0, 1, 2, 3}};
  const mixup::Policy policy = mixup::make_policy("manifoldmix", {});
  const auto network = nn::make_network("resnet20", {.size = 16, .seed = 1});
  const mixup::Loss loss = mixup::make_loss("dm", {});
  int counts[3] = {};
  for (uint32_t step = 0; step < 3000; ++step) {
    Rng rng(1, Purpose::mix, 0, step);
    const mixup::Plan plan = policy(batch, rng);
    if (counts[plan.stage]++ > 0) continue;
    engine::backward(
        loss(mixup::forward(*network, plan, batch.images, Mode::train), mixup::targets(plan, batch.labels)));
    for (nn::Entry& entry : nn::state_of(*network)) {
      if (entry.kind == nn::Entry::Kind::buffer) continue;
      CAPTURE(entry.name);
      REQUIRE(entry.variable.grad().defined());
      double size = 0;
      for (float g : entry.variable.grad().to_vector()) size += std::abs(g);
      CHECK((std::isfinite(size) && size > 0));
      entry.variable.clear_grad();
    }
  }
  for (int count : counts) CHECK(std::abs(count - 1000) < 5 * std::sqrt(3000 * 1 / 3.0 * 2 / 3));
}
