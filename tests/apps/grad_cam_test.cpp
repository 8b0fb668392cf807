#include "apps/support/grad_cam.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "engine/ops.h"
#include "nn/layers.h"
#include "tests/support/numbers.h"

using namespace support;
using engine::Variable;

namespace {

/// Two stages, of which the second is a quarter as high and wide as the images of 8x12, and a head that is not linear
/// and weighs every place differently.
struct Small : nn::Network {
  engine::Rng rng{3, engine::Purpose::test};
  nn::Conv2d first{{.ic = 3, .oc = 4}, rng}, second{{.ic = 4, .oc = 5}, rng};
  nn::BatchNorm norm{5};
  nn::Linear fc{2 * 3 * 5, 3, rng};

  using Network::forward;
  int stages() const override { return 2; }
  Variable run(const Variable& x, nn::Mode mode, const nn::AfterStage& after) override {
    CHECK(mode == nn::Mode::eval);
    Variable y = after(1, first.forward(x, mode));
    y = engine::avg_pool2d(engine::avg_pool2d(y, {.kernel = 2, .stride = 2}), {.kernel = 2, .stride = 2});
    y = after(2, norm.forward(second.forward(y, mode), mode));
    return engine::log_softmax(fc.forward(engine::reshape(y, {x.shape()[0], 30}), mode));
  }
  void collect(const std::string& name, nn::State& state) const override {
    first.collect(name + "first.", state);
    second.collect(name + "second.", state);
    norm.collect(name + "norm.", state);
    fc.collect(name + "fc.", state);
  }
};

/// What the definition says, without autodiff: the weight of a channel is how the logit changes when all of the channel
/// is raised, by central differences.
Tensor slow_grad_cam(Small& network, const Tensor& images, const std::vector<int>& classes) {
  const engine::NoGrad no_grad;
  Tensor last;
  const auto logits = [&](int channel, float by) {
    return network
        .forward(Variable(images), nn::Mode::eval,
                 [&](int stage, const Variable& y) {
                   if (stage < 2) return y;
                   last = y.value();
                   Tensor raised = y.value().clone();
                   for (int64_t i = channel; i < raised.elements(); i += 5) raised.data()[i] += by;
                   return Variable(raised);
                 })
        .value();
  };
  const auto n = static_cast<int64_t>(classes.size());
  Tensor maps = Tensor::zeros({n, 2, 3});
  for (int channel = 0; channel < 5; ++channel) {
    const Tensor up = logits(channel, 0.02f), down = logits(channel, -0.02f);
    for (int64_t i = 0; i < n; ++i) {
      const int64_t at = i * 3 + classes[static_cast<size_t>(i)];
      const float weight = up.data()[at] - down.data()[at];
      for (int64_t cell = 0; cell < 6; ++cell)
        maps.data()[i * 6 + cell] += weight * last.data()[(i * 6 + cell) * 5 + channel];
    }
  }
  for (int64_t i = 0; i < maps.elements(); ++i) maps.data()[i] = std::max(0.0f, maps.data()[i]);
  Tensor large = apps::enlarged(maps, images.shape()[1], images.shape()[2]);
  for (int64_t i = 0; i < n; ++i) {
    float* map = large.data() + i * large.elements() / n;
    const float most = *std::max_element(map, map + large.elements() / n);
    for (int64_t k = 0; k < large.elements() / n; ++k) map[k] /= most > 0 ? most : 1;
  }
  return large;
}

}  // namespace

TEST_CASE("Grad-CAM weighs the channels of the last stage as differences of the logit do, and divides by the largest") {
  Small network;
  const Tensor images = uniform({6, 8, 12, 3}, 1, -2, 2);
  const std::vector<int> classes{0, 1, 2, 2, 1, 0};
  const Tensor maps = apps::grad_cam(network, images, classes);
  REQUIRE(maps.shape() == Shape{6, 8, 12});
  CHECK(relative_error(maps.to_vector(), slow_grad_cam(network, images, classes).to_vector()) < 2e-3);
  CHECK(relative_error(maps.to_vector(), apps::grad_cam(network, images, {1, 2, 0, 0, 2, 1}).to_vector()) > 0.5);
  int zeros = 0;
  for (int64_t i = 0; i < 6; ++i) {
    const auto [low, high] = std::minmax_element(maps.data() + i * 96, maps.data() + (i + 1) * 96);
    CHECK(*low >= 0);
    CHECK((*high == 1 || *high == 0));
    zeros += *high == 0;
  }
  CHECK(zeros < 3);
}

TEST_CASE("the heat of an image does not depend on the images beside it") {
  Small network;
  const Tensor images = uniform({3, 8, 12, 3}, 2, -2, 2);
  const Tensor maps = apps::grad_cam(network, images, {1, 0, 2});
  for (int64_t i = 0; i < 3; ++i) {
    Tensor one({1, 8, 12, 3});
    std::copy_n(images.data() + i * 288, 288, one.data());
    const Tensor map = apps::grad_cam(network, one, {std::vector{1, 0, 2}[static_cast<size_t>(i)]});
    CHECK(relative_error(map.to_vector(), std::vector(maps.data() + i * 96, maps.data() + (i + 1) * 96)) < 1e-5);
  }
}

TEST_CASE("Grad-CAM leaves the network and the gradients of a training as they are") {
  Small network;
  const Tensor images = uniform({2, 8, 12, 3}, 1);
  const nn::State state = nn::state_of(network);
  engine::backward(network.forward(Variable(images), nn::Mode::eval), Tensor::full({2, 3}, 1));
  std::vector<Tensor> values, gradients;
  for (const nn::Entry& entry : state) {
    values.push_back(entry.variable.value().clone());
    gradients.push_back(entry.kind == nn::Entry::Kind::buffer ? Tensor() : entry.variable.grad().clone());
  }
  apps::grad_cam(network, images, {0, 1});
  for (size_t i = 0; i < state.size(); ++i) {
    CAPTURE(state[i].name);
    CHECK(same_bits(state[i].variable.value(), values[i]));
    if (gradients[i].defined()) CHECK(same_bits(state[i].variable.grad(), gradients[i]));
  }
  engine::backward(network.forward(Variable(images), nn::Mode::eval), Tensor::full({2, 3}, 1));  // still records
}

TEST_CASE("a map where nothing speaks for the class is zero, and what is impossible is refused") {
  Small network;
  for (nn::Entry& entry : nn::state_of(network)) {
    if (entry.name != "fc.weight") continue;
    for (int64_t i = 0; i < entry.variable.value().elements(); ++i) entry.variable.value().data()[i] = 0;
  }
  const Tensor images = uniform({2, 8, 12, 3}, 1);
  for (const float heat : apps::grad_cam(network, images, {0, 1}).to_vector()) CHECK(heat == 0);
  CHECK_THROWS_WITH_AS(apps::grad_cam(network, images, {0, 3}), "grad_cam: class 3 of 3", engine::Error);
  CHECK_THROWS_WITH_AS(apps::grad_cam(network, images, {0, -1}), "grad_cam: class -1 of 3", engine::Error);
  CHECK_THROWS_WITH_AS(apps::grad_cam(network, images, {0}), "grad_cam: 1 classes for 2 images", engine::Error);
  struct : nn::Network {
    int stages() const override { return 0; }
    Variable run(const Variable& x, nn::Mode, const nn::AfterStage&) override { return x; }
    void collect(const std::string&, nn::State&) const override {}
  } flat;
  CHECK_THROWS_WITH_AS(apps::grad_cam(flat, images, {0, 1}), "grad_cam: the network has no stages", engine::Error);
}

TEST_CASE("maps are enlarged between the centres of their cells, and keep their edges") {
  const Tensor row = apps::enlarged(Tensor::from({1, 1, 2}, {0, 8}), 1, 4);
  CHECK(row.to_vector() == std::vector<float>{0, 2, 6, 8});
  const Tensor column = apps::enlarged(Tensor::from({2, 2, 1}, {0, 8, 1, 1}), 6, 2);
  REQUIRE(column.shape() == Shape{2, 6, 2});
  const std::vector<float> expected{0, 0, 0, 0, 8.0f / 3, 8.0f / 3, 16.0f / 3, 16.0f / 3, 8, 8, 8, 8};
  CHECK(relative_error(std::vector(column.data(), column.data() + 12), expected) < 1e-6);
  for (int i = 12; i < 24; ++i) CHECK(column.data()[i] == 1);
  const Tensor same = uniform({2, 3, 4}, 1);
  CHECK(same_bits(apps::enlarged(same, 3, 4), same));
}
