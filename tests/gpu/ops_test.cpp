#include <doctest/doctest.h>

#include <bit>
#include <cmath>

#include "engine/kernels.h"
#include "engine/memory.h"
#include "tests/support/cases.h"
#include "tests/support/deterministic.h"

// Every op on the GPU against the same op on the CPU, which engine/ops_test.cpp holds to float64.
using namespace support;
using engine::Device;
using engine::DType;

namespace {

/// While it lives, new memory holds NaN, in either type: an element that a kernel forgets to write shows.
struct Poison {
  Poison() { engine::memory::fill_new_blocks(std::bit_cast<float>(0x7fc07fc0)); }
  ~Poison() { engine::memory::fill_new_blocks(std::nullopt); }
};

Tensor cast(const Tensor& x, DType type) { return engine::cast(Variable(x), type).value(); }

/// The list, and batch norms in which a thread takes packs of channels, as many pixels at once as it can or fewer.
std::vector<OpCase> gpu_cases() {
  std::vector<OpCase> cases = op_cases();
  cases.push_back(batch_norm_case("eval, one pixel", {1, 1, 1, 8}, false));
  cases.push_back(batch_norm_case("eval, one pixel without packs", {1, 1, 1, 7}, false));
  for (const Shape& x : {Shape{5, 1, 1, 4}, Shape{3, 3, 3, 12}, Shape{8, 2, 2, 8}, Shape{41, 5, 5, 64}}) {
    const std::string packs = ", packs of " + std::to_string(x.elements() / x.last()) + " pixels";
    cases.push_back(batch_norm_case("train" + packs, x, true));
    cases.push_back(batch_norm_case("eval" + packs, x, false));
    cases.push_back(batch_norm_relu_case("with relu" + packs, x, false));
    cases.push_back(batch_norm_relu_case("with leaky relu" + packs, x, false, 0.1f));
    cases.push_back(batch_norm_relu_case("with residual and relu" + packs, x, true));
    cases.push_back(batch_norm_relu_case("with residual and leaky relu" + packs, x, true, 0.1f));
  }
  return cases;
}

/// A type in which a GPU computes, how near to the CPU's float32, and the ops that it computes so.
struct Precision {
  DType type;
  double tolerance;
  std::vector<OpCase> cases;
};

/// In bfloat16 all but what is float32 alone, with activations that it can hold: the first input, and those like it. A
/// result is then off by its own rounding, half of 2^-8, and by those of the few numbers on the way to it.
std::vector<Precision> precisions() {
  std::vector<OpCase> rounded = gpu_cases();
  std::erase_if(rounded, [](const OpCase& c) {
    return c.name.starts_with("linear") || c.name.find("softmax") != std::string::npos;
  });
  for (OpCase& c : rounded) {
    const Shape images = c.inputs[0].shape();
    for (Tensor& input : c.inputs) {
      if (input.shape() == images) input = cast(cast(input, DType::bf16), DType::f32);
    }
  }
  return {{DType::f32, 1e-5, gpu_cases()}, {DType::bf16, 2e-2, rounded}};
}

std::vector<Variable> leaves(const OpCase& c, Device device, DType type) {
  std::vector<Variable> in;
  for (const Tensor& input : c.inputs) {
    const bool activation = input.shape() == c.inputs[0].shape();
    in.push_back(Variable::leaf(cast(input, activation ? type : DType::f32).to(device)));
  }
  return in;
}

/// The output, and then the gradients of sum(dy y) for a fixed random dy.
std::vector<Tensor> run(const OpCase& c, Device device, DType type = DType::f32) {
  const std::vector<Variable> in = leaves(c, device, type);
  const Variable y = c.op(in);
  std::vector<Tensor> results{y.value()};
  engine::backward(y, cast(uniform(y.shape(), 99), y.value().dtype()).to(device));
  for (const Variable& input : in) results.push_back(input.grad());
  return results;
}

}  // namespace

TEST_CASE("every op on the GPU agrees with the CPU, forward and backward, in float32 and in bfloat16") {
  const Poison poison;
  for (const auto& [type, tolerance, cases] : precisions()) {
    for (const OpCase& c : cases) {
      CAPTURE(c.name);
      const std::vector<Variable> in = leaves(c, Device::cuda, type);
      const std::vector<Tensor> expected = run(c, Device::cpu), results = run(c, Device::cuda, type);
      CHECK(results[0].dtype() == (c.name == "global_avg_pool" ? DType::f32 : type));
      for (size_t i = 0; i < expected.size(); ++i) {
        CAPTURE(i);
        REQUIRE(results[i].device() == Device::cuda);
        REQUIRE(results[i].shape() == expected[i].shape());
        if (i > 0) CHECK(results[i].dtype() == in[i - 1].value().dtype());
        CHECK(relative_error(results[i].to_vector(), expected[i].to_vector()) < tolerance);
      }
    }
  }
}

TEST_CASE("every op on the GPU gives the same bits twice") {
  const support::Deterministic deterministic;
  for (const auto& [type, tolerance, cases] : precisions()) {
    for (const OpCase& c : cases) {
      CAPTURE(c.name);
      const std::vector<Tensor> once = run(c, Device::cuda, type), again = run(c, Device::cuda, type);
      for (size_t i = 0; i < once.size(); ++i) CHECK(same_bits(once[i].to(Device::cpu), again[i].to(Device::cpu)));
    }
  }
}

TEST_CASE("a value used twice on the GPU gets the sum of both gradients") {
  for (const auto& [type, tolerance, cases] : precisions()) {
    for (const OpCase& c : cases) {
      CAPTURE(c.name);
      const std::vector<Variable> in = leaves(c, Device::cuda, type);
      const Variable sum = engine::add(c.op(in), c.op(in));
      engine::backward(sum, cast(uniform(sum.shape(), 99), sum.value().dtype()).to(Device::cuda));
      const std::vector<Tensor> once = run(c, Device::cpu);
      for (size_t i = 0; i < in.size(); ++i) {
        std::vector<double> twice;
        for (float value : once[i + 1].to_vector()) twice.push_back(2 * value);
        CHECK(relative_error(in[i].grad().to_vector(), twice) < tolerance);
      }
    }
  }
}

TEST_CASE("the GPU casts as the CPU does, whatever the bits, forward and backward") {
  std::vector<float> values;
  for (uint32_t upper = 0; upper < 1 << 16; ++upper) {
    for (uint32_t lower : {0, 1, 0x7fff, 0x8000, 0x8001, 0xffff})
      values.push_back(std::bit_cast<float>(upper << 16 | lower));
  }
  const Tensor x = Tensor::from({static_cast<int64_t>(values.size())}, values);
  const Tensor here = cast(x, DType::bf16), there = cast(x.to(Device::cuda), DType::bf16);
  CHECK(same_bits(there.to(Device::cpu), here));
  CHECK(same_bits(cast(there, DType::f32).to(Device::cpu), cast(here, DType::f32)));

  const Variable leaf = Variable::leaf(x.to(Device::cuda));
  engine::backward(engine::cast(leaf, DType::bf16), there);
  CHECK(same_bits(leaf.grad().to(Device::cpu), cast(here, DType::f32)));
}

TEST_CASE("batch norm on the GPU agrees with the CPU where a thread sums many pixels, in packs or not") {
  const Poison poison;
  for (const int64_t c : {4, 1}) {
    const OpCase big = batch_norm_relu_case("with residual and relu", {3, 500, 500, c}, true);
    const std::vector<Tensor> expected = run(big, Device::cpu);
    for (const auto& [type, tolerance] : {std::pair{DType::f32, 1e-5}, std::pair{DType::bf16, 2e-2}}) {
      const std::vector<Tensor> results = run(big, Device::cuda, type);
      for (size_t i = 0; i < expected.size(); ++i) {
        CAPTURE(i);
        CHECK(relative_error(results[i].to_vector(), expected[i].to_vector()) < tolerance);
      }
    }
  }
}

TEST_CASE("batch norm on the GPU may write over what it reads") {
  namespace kernel = engine::kernel;
  for (const auto type : {DType::f32, DType::bf16}) {
    for (const int64_t c : {8, 5}) {
      const Shape shape{3, 5, 5, c};
      const auto there = [&](uint32_t seed) { return cast(uniform(shape, seed), type).to(Device::cuda); };
      const auto channel = [&](uint32_t seed) { return uniform({c}, seed, 0.5, 1).to(Device::cuda); };
      const Tensor x = there(1), residual = there(2), dy = there(3);
      const Tensor gamma = channel(4), beta = channel(5), mean = channel(6), var = channel(7);
      const engine::BatchNormSpec spec{.relu = true};
      const auto same = [](const Tensor& a, const Tensor& b) {
        return same_bits(a.to(Device::cpu), b.to(Device::cpu));
      };

      Tensor y = Tensor::like(x), inv_std = Tensor::like(gamma), over_x = x.clone(), over_residual = residual.clone();
      kernel::batch_norm_eval(x, residual, gamma, beta, spec, mean, var, y, inv_std);
      kernel::batch_norm_eval(over_x, residual, gamma, beta, spec, mean, var, over_x, inv_std);
      kernel::batch_norm_eval(x, over_residual, gamma, beta, spec, mean, var, over_residual, inv_std);
      CHECK(same(over_x, y));
      CHECK(same(over_residual, y));

      Tensor dx = Tensor::like(x), dresidual = Tensor::like(x), dgamma = Tensor::like(gamma),
             dbeta = Tensor::like(beta);
      kernel::batch_norm_backward(dy, x, y, gamma, beta, mean, inv_std, spec, true, dx, dresidual, dgamma, dbeta);
      Tensor dx_again = Tensor::like(x), over_dy = dy.clone();
      kernel::batch_norm_backward(over_dy, x, y, gamma, beta, mean, inv_std, spec, true, dx_again, over_dy, dgamma,
                                  dbeta);
      CHECK(same(over_dy, dresidual));
      CHECK(same(dx_again, dx));
    }
  }
}

TEST_CASE("the variance on the GPU is accurate where the mean is far from zero") {
  for (const int64_t c : {4, 3}) {
    Tensor x = uniform({300, 8, 8, c}, 1);
    for (int64_t i = 0; i < x.elements(); ++i) x.data()[i] += 10000;
    const Tensor one = Tensor::full({c}, 1), zero = Tensor::zeros({c}), mean = zero.clone(), var = zero.clone();
    Tensor mean_there = mean.to(Device::cuda), var_there = var.to(Device::cuda);
    engine::batch_norm(Variable(x.to(Device::cuda)), Variable(one.to(Device::cuda)), Variable(zero.to(Device::cuda)),
                       mean_there, var_there, true, {.momentum = 1});
    const int64_t pixels = x.elements() / c;
    for (int64_t k = 0; k < c; ++k) {
      double sum = 0, squares = 0;
      for (int64_t p = 0; p < pixels; ++p) sum += x.data()[p * c + k];
      for (int64_t p = 0; p < pixels; ++p) squares += std::pow(x.data()[p * c + k] - sum / pixels, 2);
      CHECK(mean_there.to_vector()[k] == doctest::Approx(sum / pixels).epsilon(1e-7));
      CHECK(var_there.to_vector()[k] == doctest::Approx(squares / (pixels - 1)).epsilon(1e-5));
    }
  }
}
