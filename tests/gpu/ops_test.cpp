#include <doctest/doctest.h>

#include <bit>

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

/// A type in which a GPU computes, how near to the CPU's float32, and the ops that it computes so.
struct Precision {
  DType type;
  double tolerance;
  std::vector<OpCase> cases;
};

/// In bfloat16 all but what is float32 alone, with activations that it can hold: the first input, and those like it. A
/// result is then off by its own rounding, half of 2^-8, and by those of the few numbers on the way to it.
std::vector<Precision> precisions() {
  std::vector<OpCase> rounded = op_cases();
  std::erase_if(rounded, [](const OpCase& c) {
    return c.name.starts_with("linear") || c.name.find("softmax") != std::string::npos;
  });
  for (OpCase& c : rounded) {
    const Shape images = c.inputs[0].shape();
    for (Tensor& input : c.inputs) {
      if (input.shape() == images) input = cast(cast(input, DType::bf16), DType::f32);
    }
  }
  return {{DType::f32, 1e-5, op_cases()}, {DType::bf16, 2e-2, rounded}};
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
