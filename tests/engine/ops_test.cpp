#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "engine/cpu/cache.h"
#include "engine/memory.h"
#include "engine/parallel.h"
#include "tests/support/cases.h"

using namespace support;

namespace {

/// While it lives, new memory holds NaN: an element that a kernel forgets to write shows.
struct Poison {
  Poison() { engine::memory::fill_new_blocks(std::numeric_limits<float>::quiet_NaN()); }
  ~Poison() { engine::memory::fill_new_blocks(std::nullopt); }
};

std::vector<Variable> leaves(const OpCase& c) {
  std::vector<Variable> list;
  for (const Tensor& input : c.inputs) list.push_back(Variable::leaf(input));
  return list;
}

std::vector<Array> arrays(const OpCase& c) {
  std::vector<Array> list;
  for (const Tensor& input : c.inputs) list.emplace_back(input);
  return list;
}

struct Result {
  Tensor y;
  std::vector<Tensor> gradients;
};

/// The output, and the gradients of sum(dy y) for a fixed random dy.
Result run(const OpCase& c) {
  const std::vector<Variable> in = leaves(c);
  const Variable y = c.op(in);
  engine::backward(y, uniform(y.shape(), 99));
  Result result{y.value(), {}};
  for (const Variable& input : in) result.gradients.push_back(input.grad());
  return result;
}

/// Central differences of sum(dy reference) with respect to one input.
std::vector<double> differences(const OpCase& c, size_t input) {
  std::vector<Array> in = arrays(c);
  const Array dy(uniform(c.reference(in).shape, 99));
  const auto loss = [&] {
    const Array y = c.reference(in);
    double sum = 0;
    for (size_t i = 0; i < y.values.size(); ++i) sum += dy.values[i] * y.values[i];
    return sum;
  };
  std::vector<double> gradient;
  for (double& value : in[input].values) {
    constexpr double step = 1e-5;
    const double at = value;
    value = at + step;
    const double above = loss();
    value = at - step;
    const double below = loss();
    value = at;
    gradient.push_back((above - below) / (2 * step));
  }
  return gradient;
}

}  // namespace

TEST_CASE("every op agrees with its float64 reference, and its gradient with central differences of it") {
  const Poison poison;
  for (const OpCase& c : op_cases()) {
    CAPTURE(c.name);
    const Result result = run(c);
    const Array expected = c.reference(arrays(c));
    CHECK(result.y.shape() == expected.shape);
    CHECK(relative_error(result.y.to_vector(), expected.values) < 1e-5);
    for (size_t i = 0; i < c.inputs.size(); ++i) {
      CAPTURE(i);
      CHECK(relative_error(result.gradients[i].to_vector(), differences(c, i)) < 1e-5);
    }
  }
}

TEST_CASE("no op changes its inputs, and none returns their memory but reshape") {
  for (const OpCase& c : op_cases()) {
    CAPTURE(c.name);
    std::vector<Tensor> before;
    for (const Tensor& input : c.inputs) before.push_back(input.clone());
    const Result result = run(c);
    for (size_t i = 0; i < before.size(); ++i) {
      CHECK(same_bits(before[i], c.inputs[i]));
      CHECK((result.y.data() != c.inputs[i].data() || c.name == "reshape"));
    }
  }
}

TEST_CASE("a value used twice gets the sum of both gradients") {
  for (const OpCase& c : op_cases()) {
    CAPTURE(c.name);
    const std::vector<Variable> in = leaves(c);
    const Variable sum = engine::add(c.op(in), c.op(in));
    engine::backward(sum, uniform(sum.shape(), 99));
    const Result once = run(c);
    for (size_t i = 0; i < in.size(); ++i) {
      CHECK(same_bits(in[i].grad(), engine::scale(Variable(once.gradients[i]), 2).value()));
    }
  }
}

TEST_CASE("only the gradients that are wanted are computed") {
  for (const OpCase& c : op_cases()) {
    CAPTURE(c.name);
    const Result all = run(c);
    for (size_t wanted = 0; wanted < c.inputs.size(); ++wanted) {
      std::vector<Variable> in;
      for (size_t i = 0; i < c.inputs.size(); ++i) {
        in.push_back(i == wanted ? Variable::leaf(c.inputs[i]) : Variable(c.inputs[i]));
      }
      const Variable y = c.op(in);
      engine::backward(y, uniform(y.shape(), 99));
      CHECK(same_bits(in[wanted].grad(), all.gradients[wanted]));
    }
  }
}

TEST_CASE("kernels give the same result in place where their contract allows it") {
  const Tensor a = away_from_zero({3, 50}, 1), b = away_from_zero({3, 50}, 2);
  const auto check = [&](const char* name, auto kernel) {
    CAPTURE(name);
    Tensor apart(a.shape()), same = a.clone();
    kernel(a, apart);
    kernel(same, same);
    CHECK(same_bits(apart, same));
  };
  check("add", [&](const Tensor& x, Tensor& y) { engine::kernel::add(x, b, y); });
  check("relu", [&](const Tensor& x, Tensor& y) { engine::kernel::relu(x, y); });
  check("relu_backward", [&](const Tensor& x, Tensor& y) { engine::kernel::relu_backward(x, b, y); });
  check("scale", [&](const Tensor& x, Tensor& y) { engine::kernel::scale(x, 3, y); });
  check("log_softmax", [&](const Tensor& x, Tensor& y) { engine::kernel::log_softmax(x, y); });
}

namespace {

struct Convolution {
  const char* name;
  Shape x, weight;
  engine::Conv2dSpec spec;
};
/// Large enough to be cut into many chunks and parts, and shapes that fit no tile.
const std::vector<Convolution> convolutions{
    {"stage 1", {6, 32, 32, 32}, {32, 3, 3, 32}, {.pad = 1}},
    {"many tiles", {17, 32, 32, 16}, {16, 3, 3, 16}, {.pad = 1}},
    {"stage 4", {25, 4, 4, 128}, {64, 3, 3, 128}, {.pad = 1}},
    {"large weights, many tiles", {129, 1, 1, 32}, {1024, 3, 3, 32}, {.pad = 1}},
    {"large weights, long sums", {129, 1, 1, 176}, {176, 3, 3, 176}, {.pad = 1}},
    {"large weights, stride 2", {129, 1, 2, 32}, {1024, 3, 3, 32}, {.stride = 2, .pad = 1}},
    {"wide window", {1, 9, 9, 520}, {2, 1, 1, 520}, {}},
    {"downsampling", {5, 32, 32, 16}, {32, 3, 3, 16}, {.stride = 2, .pad = 1}},
    {"downsampling, many tiles", {40, 16, 24, 32}, {48, 3, 3, 32}, {.stride = 2, .pad = 1}},
    {"downsampling, large weights", {3, 8, 8, 64}, {80, 3, 3, 64}, {.stride = 2, .pad = 1}},
    {"downsampling, large weights, many tiles", {25, 8, 8, 128}, {64, 3, 3, 128}, {.stride = 2, .pad = 1}},
    {"downsampling, odd sizes", {2, 7, 17, 16}, {48, 3, 3, 16}, {.stride = 2, .pad = 1}},
    {"downsampling, one pixel", {2, 1, 1, 16}, {16, 3, 3, 16}, {.stride = 2, .pad = 1}},
    {"downsampling, two pixels", {3, 2, 2, 32}, {16, 3, 3, 32}, {.stride = 2, .pad = 1}},
    {"downsampling, no padding", {2, 9, 8, 16}, {16, 3, 3, 16}, {.stride = 2}},
    {"shortcut", {5, 16, 16, 32}, {64, 1, 1, 32}, {.stride = 2}},
    {"pointwise", {9, 16, 16, 48}, {40, 1, 1, 48}, {}},
    {"stem", {3, 16, 16, 3}, {64, 3, 3, 3}, {.pad = 1}},
    {"one pixel", {2, 1, 1, 16}, {16, 3, 3, 16}, {.pad = 1}},
    {"smaller than the kernel", {3, 2, 2, 32}, {16, 3, 3, 32}, {.pad = 1}},
    {"odd sizes", {2, 7, 9, 16}, {48, 3, 3, 16}, {.pad = 1}},
    {"no padding", {2, 9, 6, 16}, {16, 3, 3, 16}, {}},
    {"padding of two", {1, 5, 6, 16}, {16, 3, 3, 16}, {.pad = 2}},
    {"one image", {1, 8, 8, 80}, {96, 3, 3, 80}, {.pad = 1}},
    {"odd channels", {2, 6, 5, 21}, {19, 3, 3, 21}, {.pad = 1}},
    {"odd channels, stride 2", {2, 7, 8, 5}, {7, 3, 3, 5}, {.stride = 2, .pad = 1}},
    {"stride 3, kernel 5", {2, 11, 13, 4}, {6, 5, 5, 4}, {.stride = 3, .pad = 2}},
    {"stride beyond the kernel", {2, 9, 9, 4}, {6, 2, 2, 4}, {.stride = 3}},
    {"one pixel of each large image", {2, 40, 40, 4}, {4, 1, 1, 4}, {.stride = 40}},
    {"not square", {2, 6, 9, 8}, {8, 1, 3, 8}, {.pad = 1}},
    {"groups of 1", {3, 6, 6, 32}, {32, 3, 3, 1}, {.pad = 1, .groups = 32}},
    {"groups of 2", {2, 5, 6, 32}, {32, 3, 3, 2}, {.pad = 1, .groups = 16}},
    {"groups of 4", {3, 16, 16, 32}, {32, 3, 3, 4}, {.pad = 1, .groups = 8}},
    {"groups of 4, stride 2", {2, 9, 8, 32}, {32, 3, 3, 4}, {.stride = 2, .pad = 1, .groups = 8}},
    {"groups of 8", {2, 7, 7, 32}, {32, 3, 3, 8}, {.pad = 1, .groups = 4}},
    {"groups of 16", {2, 7, 7, 32}, {32, 3, 3, 16}, {.pad = 1, .groups = 2}},
    {"groups of 32", {2, 4, 4, 64}, {64, 3, 3, 32}, {.pad = 1, .groups = 2}},
    {"groups of 8, stride 2, odd sizes", {2, 5, 7, 32}, {32, 3, 3, 8}, {.stride = 2, .pad = 1, .groups = 4}},
    {"groups of 16, stride 2", {2, 6, 9, 32}, {32, 3, 3, 16}, {.stride = 2, .pad = 1, .groups = 2}},
    {"groups of 32, stride 2", {2, 9, 6, 64}, {64, 3, 3, 32}, {.stride = 2, .pad = 1, .groups = 2}},
    {"groups of one pixel", {3, 1, 1, 32}, {32, 3, 3, 4}, {.pad = 1, .groups = 8}},
    {"groups without padding", {2, 6, 5, 32}, {32, 3, 3, 4}, {.groups = 8}},
    {"many groups of large images", {2, 21, 18, 160}, {160, 3, 3, 4}, {.pad = 1, .groups = 40}},
    {"many groups of large images, stride 2", {2, 41, 33, 160}, {160, 3, 3, 4}, {.stride = 2, .pad = 1, .groups = 40}},
    {"groups of 16, some in a slice", {2, 5, 6, 160}, {160, 3, 3, 16}, {.pad = 1, .groups = 10}},
    {"groups of 32, some in a slice", {2, 5, 6, 160}, {160, 3, 3, 32}, {.stride = 2, .pad = 1, .groups = 5}},
    {"whole tiles of whole panels", {2, 8, 8, 64}, {64, 3, 3, 64}, {.pad = 1}},
    {"tiles beyond the image", {2, 7, 9, 64}, {64, 3, 3, 64}, {.pad = 1}},
    {"whole tiles, stride 2", {2, 16, 16, 64}, {64, 3, 3, 64}, {.stride = 2, .pad = 1}},
    {"whole panels in groups", {2, 3, 5, 128}, {128, 1, 1, 64}, {.stride = 2, .groups = 2}},
    {"many output channels, few pixels", {2, 4, 4, 16}, {101, 3, 3, 16}, {.pad = 1}},
    {"many output channels in groups", {1, 4, 4, 16}, {128, 3, 3, 8}, {.pad = 1, .groups = 2}},
    {"groups of other sizes", {3, 16, 16, 32}, {64, 3, 3, 8}, {.pad = 1, .groups = 4}},
};

/// Restores the way convolutions are computed.
struct RestoreAlgorithm {
  std::string before = engine::conv_algorithm();
  ~RestoreAlgorithm() { engine::set_conv_algorithm(before); }
};

}  // namespace

TEST_CASE("every way to compute a convolution agrees with the reference, forward and backward") {
  const Poison poison;
  const RestoreAlgorithm restore;
  for (const Convolution& c : convolutions) {
    const Tensor x = uniform(c.x, 1), w = uniform(c.weight, 2);
    const Array expected = reference::conv2d(Array(x), Array(w), c.spec);
    const Tensor dy = uniform(expected.shape, 3);
    const auto [dx, dw] = reference::conv2d_gradients(Array(x), Array(w), Array(dy), c.spec);
    Array twice = dx;
    for (double& value : twice.values) value *= 2;
    for (const engine::ConvAlgorithm& algorithm : engine::conv_algorithms()) {
      CAPTURE(c.name);
      CAPTURE(algorithm.name);
      engine::set_conv_algorithm(algorithm.name);
      const Variable in = Variable::leaf(x), weight = Variable::leaf(w), y = engine::conv2d(in, weight, c.spec);
      engine::backward(y, dy);
      // Rounding of float32, a few times as large where tiles are transformed.
      CHECK(relative_error(y.value().to_vector(), expected.values) < 1e-5);
      CHECK(relative_error(in.grad().to_vector(), dx.values) < 1e-5);
      CHECK(relative_error(weight.grad().to_vector(), dw.values) < 1e-5);
      engine::backward(engine::conv2d(in, weight, c.spec), dy);  // adds to the gradient that is there
      CHECK(relative_error(in.grad().to_vector(), twice.values) < 1e-5);
    }
  }
}

/// The outputs and gradients of all convolutions, each normalised with what follows it in a residual network, and of
/// all ops.
std::vector<Tensor> all_results() {
  const RestoreAlgorithm restore;
  std::vector<Tensor> results;
  for (size_t i = 0; i < 3 * convolutions.size(); ++i) {
    const Convolution& c = convolutions[i / 3];
    engine::set_conv_algorithm(engine::conv_algorithms()[i % 3].name);
    const Shape channels{c.weight[0]};
    const Variable x = Variable::leaf(uniform(c.x, 1)), w = Variable::leaf(uniform(c.weight, 2));
    const Variable gamma = Variable::leaf(uniform(channels, 3)), beta = Variable::leaf(uniform(channels, 4));
    const Variable filtered = engine::conv2d(x, w, c.spec), residual = Variable::leaf(uniform(filtered.shape(), 5));
    const Variable once = engine::batch_norm(filtered, gamma, beta, Tensor::zeros(channels), Tensor::zeros(channels),
                                             true, {.relu = true}),
                   y = engine::batch_norm(once, gamma, beta, Tensor::zeros(channels), Tensor::zeros(channels), true,
                                          {.relu = true}, residual);
    engine::backward(y, uniform(y.shape(), 99));
    for (const Tensor& t : {y.value(), x.grad(), w.grad(), gamma.grad(), beta.grad(), residual.grad()}) {
      results.push_back(t);
    }
  }
  for (const OpCase& c : op_cases()) {
    const Result result = run(c);
    results.push_back(result.y);
    results.insert(results.end(), result.gradients.begin(), result.gradients.end());
  }
  return results;
}

void check_same(const std::vector<Tensor>& a, const std::vector<Tensor>& b) {
  REQUIRE(a.size() == b.size());
  for (size_t i = 0; i < a.size(); ++i) CHECK(same_bits(a[i], b[i]));
}

TEST_CASE("every op gives the same bits for any number of threads") {
  const int before = engine::threads();
  engine::set_threads(1);
  const std::vector<Tensor> one = all_results();
  for (int threads : {2, 3, 4, 5, 9}) {
    engine::set_threads(threads);
    check_same(one, all_results());
  }
  engine::set_threads(before);
}

TEST_CASE("results that are written past the cache are the same") {
  const Poison poison;
  engine::cpu::set_cache_limit(int64_t{1} << 40);
  const std::vector<Tensor> within = all_results();
  engine::cpu::set_cache_limit(0);
  check_same(within, all_results());
  engine::cpu::set_cache_limit(std::nullopt);
}

TEST_CASE("element-wise kernels are right over several chunks") {
  const Tensor a = away_from_zero({70000}, 1), b = away_from_zero({70000}, 2);
  Tensor sum(a.shape()), positive(a.shape()), masked(a.shape()), scaled(a.shape());
  engine::kernel::add(a, b, sum);
  engine::kernel::relu(a, positive);
  engine::kernel::relu_backward(b, positive, masked);
  engine::kernel::scale(a, 3, scaled);
  bool right = true;
  for (int64_t i = 0; i < 70000; ++i) {
    const float x = a.data()[i], y = b.data()[i];
    right = right && sum.data()[i] == x + y && positive.data()[i] == (x > 0 ? x : 0) &&
            masked.data()[i] == (x > 0 ? y : 0) && scaled.data()[i] == 3 * x;
  }
  CHECK(right);
}

TEST_CASE("batch norm moves the running statistics as PyTorch does, with the unbiased variance") {
  const Tensor x = uniform({301, 7, 8, 3}, 1, 0, 5);  // several chunks, the last one not of whole runs
  const Variable one(Tensor::full({3}, 1)), zero(Tensor::zeros({3}));
  Tensor mean = Tensor::full({3}, 10), var = Tensor::full({3}, 20);
  engine::batch_norm(Variable(x), one, zero, mean, var, true);
  const Array m = reference::channel_mean(Array(x)), v = reference::channel_variance(Array(x));
  for (int64_t k = 0; k < 3; ++k) {
    CHECK(mean.data()[k] == doctest::Approx(0.9 * 10 + 0.1 * m(k)).epsilon(1e-6));
    CHECK(var.data()[k] == doctest::Approx(0.9 * 20 + 0.1 * v(k) * 16856 / 16855).epsilon(1e-6));
  }
}

TEST_CASE("batch norm's gradients are right over several chunks, with what follows it") {
  const Tensor x = uniform({301, 7, 8, 3}, 1), dy = uniform(x.shape(), 2), gamma = uniform({3}, 3, 0.5, 2);
  const Array mean = reference::channel_mean(Array(x)), var = reference::channel_variance(Array(x));
  const double count = 16856;
  const auto normalised = [&](int64_t i) { return (x.data()[i] - mean(i % 3)) / std::sqrt(var(i % 3) + 1e-5); };
  for (bool relu : {false, true}) {
    for (bool with_residual : {false, true}) {
      CAPTURE(relu);
      CAPTURE(with_residual);
      const Variable in = Variable::leaf(x), scale = Variable::leaf(gamma), shift = Variable::leaf(Tensor::zeros({3}));
      const Variable residual = with_residual ? Variable::leaf(uniform(x.shape(), 4)) : Variable();
      const Variable y =
          engine::batch_norm(in, scale, shift, Tensor::zeros({3}), Tensor::zeros({3}), true, {.relu = relu}, residual);
      engine::backward(y, dy);
      std::vector<double> dx, passed;
      std::array<double, 3> slope{}, product{};
      for (int64_t i = 0; i < x.elements(); ++i) {
        passed.push_back(relu && y.value().data()[i] <= 0 ? 0 : dy.data()[i]);
        slope[static_cast<size_t>(i % 3)] += passed.back();
        product[static_cast<size_t>(i % 3)] += passed.back() * normalised(i);
      }
      for (int64_t i = 0; i < x.elements(); ++i) {
        const auto k = static_cast<size_t>(i % 3);
        dx.push_back(gamma.data()[k] / std::sqrt(var(i % 3) + 1e-5) *
                     (passed[static_cast<size_t>(i)] - slope[k] / count - normalised(i) * product[k] / count));
      }
      CHECK(relative_error(in.grad().to_vector(), dx) < 1e-5);
      CHECK(relative_error(scale.grad().to_vector(), product) < 1e-5);
      CHECK(relative_error(shift.grad().to_vector(), slope) < 1e-5);
      if (with_residual) CHECK(relative_error(residual.grad().to_vector(), passed) < 1e-7);
    }
  }
}

TEST_CASE("batch norm is accurate where the mean is far from zero") {
  Tensor x = uniform({300, 8, 8, 2}, 1);  // several chunks
  for (int64_t i = 0; i < x.elements(); ++i) x.data()[i] += 1000;
  const Tensor gamma = Tensor::full({2}, 1), beta = Tensor::zeros({2});
  const Variable y =
      engine::batch_norm(Variable(x), Variable(gamma), Variable(beta), beta.clone(), gamma.clone(), true);
  const Array expected = reference::batch_norm_train(Array(x), Array(gamma), Array(beta));
  // y = x scale + shift rounds terms of size 1000 / 0.58, by 6e-8 each
  CHECK(relative_error(y.value().to_vector(), expected.values) < 3e-4);
}

TEST_CASE("log-softmax and cross entropy stay finite and right for logits up to 1e4") {
  const Variable z = Variable::leaf(Tensor::from({2, 3}, {1e4f, -1e4f, 0, -1e4f, -1e4f, -1e4f}));
  const Tensor target = Tensor::from({2, 3}, {0, 0.5f, 0.5f, 1, 0, 0});
  const Variable loss = engine::softmax_cross_entropy(z, target);
  CHECK(loss.value().item() == doctest::Approx((0.5 * 2e4 + 0.5 * 1e4 + std::log(3.0)) / 2));
  engine::backward(loss);
  const std::vector<double> expected{0.5, -0.25, -0.25, (1 / 3.0 - 1) / 2, 1 / 6.0, 1 / 6.0};
  CHECK(relative_error(z.grad().to_vector(), expected) < 1e-6);
  for (float value : engine::log_softmax(z).value().to_vector()) CHECK(std::isfinite(value));
}

TEST_CASE("equal maxima give their gradient to the first") {
  const Variable x = Variable::leaf(Tensor::full({1, 2, 2, 1}, 3));
  engine::backward(engine::max_pool2d(x, {}));
  CHECK(x.grad().to_vector() == std::vector<float>{1, 0, 0, 0});
}

TEST_CASE("relu and max pooling let a NaN through") {
  const Tensor x = Tensor::from({1, 2, 2, 1}, {1, NAN, 3, 4});
  CHECK(std::isnan(engine::relu(Variable(x)).value().data()[1]));
  CHECK(std::isnan(engine::max_pool2d(Variable(x), {}).value().item()));
}

TEST_CASE("shapes that do not fit are named") {
  const Variable x(Tensor::zeros({8, 32, 32, 3})), w(Tensor::zeros({16, 3, 3, 4}));
  CHECK_THROWS_WITH(engine::conv2d(x, w), "conv2d: input (8, 32, 32, 3) and weight (16, 3, 3, 4) differ in channels");
  CHECK_THROWS_AS(engine::conv2d(x, Variable(Tensor::zeros({16, 40, 3, 3}))), engine::Error);
  CHECK_THROWS_AS(engine::conv2d(x, Variable(Tensor::zeros({16, 3, 3, 3})), {.stride = 0}), engine::Error);
  CHECK_THROWS_AS(engine::conv2d(Variable(Tensor::zeros({0, 32, 32, 3})), Variable(Tensor::zeros({16, 3, 3, 3}))),
                  engine::Error);
  CHECK_THROWS_AS(engine::log_softmax(Variable(Tensor::zeros({2, 0}))), engine::Error);
  CHECK_THROWS_AS(engine::add(x, w), engine::Error);
  CHECK_THROWS_AS(engine::reshape(x, {5}), engine::Error);
  CHECK_THROWS_AS(engine::max_pool2d(x, {.kernel = 33}), engine::Error);
  CHECK_THROWS_AS(engine::linear(x, w, w), engine::Error);
  const Variable c(Tensor::zeros({3}));
  CHECK_THROWS_AS(engine::batch_norm(Variable(Tensor::zeros({1, 1, 1, 3})), c, c, c.value(), c.value(), true),
                  engine::Error);
  CHECK_THROWS_AS(engine::batch_norm(x, Variable(Tensor::zeros({4})), c, c.value(), c.value(), true), engine::Error);
}
