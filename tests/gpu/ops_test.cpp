#include <doctest/doctest.h>

#include <limits>

#include "engine/memory.h"
#include "tests/support/cases.h"

// Every op on the GPU against the same op on the CPU, which engine/ops_test.cpp holds to float64.
using namespace support;
using engine::Device;

namespace {

/// While it lives, new memory holds NaN: an element that a kernel forgets to write shows.
struct Poison {
  Poison() { engine::memory::fill_new_blocks(std::numeric_limits<float>::quiet_NaN()); }
  ~Poison() { engine::memory::fill_new_blocks(std::nullopt); }
};

/// The output, and then the gradients of sum(dy y) for a fixed random dy.
std::vector<Tensor> run(const OpCase& c, Device device) {
  std::vector<Variable> in;
  for (const Tensor& input : c.inputs) in.push_back(Variable::leaf(input.to(device)));
  const Variable y = c.op(in);
  std::vector<Tensor> results{y.value()};
  engine::backward(y, uniform(y.shape(), 99).to(device));
  for (const Variable& input : in) results.push_back(input.grad());
  return results;
}

}  // namespace

TEST_CASE("every op on the GPU agrees with the CPU, forward and backward") {
  const Poison poison;
  for (const OpCase& c : op_cases()) {
    CAPTURE(c.name);
    const std::vector<Tensor> expected = run(c, Device::cpu), results = run(c, Device::cuda);
    for (size_t i = 0; i < expected.size(); ++i) {
      CAPTURE(i);
      REQUIRE(results[i].device() == Device::cuda);
      REQUIRE(results[i].shape() == expected[i].shape());
      const std::vector<float> right = expected[i].to_vector();
      CHECK(relative_error(results[i].to_vector(), std::vector<double>(right.begin(), right.end())) < 1e-5);
    }
  }
}

TEST_CASE("every op on the GPU gives the same bits twice") {
  for (const OpCase& c : op_cases()) {
    CAPTURE(c.name);
    const std::vector<Tensor> once = run(c, Device::cuda), again = run(c, Device::cuda);
    for (size_t i = 0; i < once.size(); ++i) CHECK(same_bits(once[i].to(Device::cpu), again[i].to(Device::cpu)));
  }
}

TEST_CASE("a value used twice on the GPU gets the sum of both gradients") {
  for (const OpCase& c : op_cases()) {
    CAPTURE(c.name);
    std::vector<Variable> in;
    for (const Tensor& input : c.inputs) in.push_back(Variable::leaf(input.to(Device::cuda)));
    const Variable sum = engine::add(c.op(in), c.op(in));
    engine::backward(sum, uniform(sum.shape(), 99).to(Device::cuda));
    const std::vector<Tensor> once = run(c, Device::cpu);
    for (size_t i = 0; i < in.size(); ++i) {
      std::vector<double> twice;
      for (float value : once[i + 1].to_vector()) twice.push_back(2 * value);
      CHECK(relative_error(in[i].grad().to_vector(), twice) < 1e-5);
    }
  }
}
