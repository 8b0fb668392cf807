#include "engine/kernels.h"
#include "nn/optimizer.h"

namespace nn {
namespace {

/// Stochastic gradient descent with momentum, plain or Nesterov's, and weight decay.
class Sgd : public Optimizer {
 public:
  Sgd(const Module& network, const OptimizerOptions& options) : Optimizer(network, options, 1) {}

 private:
  void move(Group& group, const engine::Tensor& rate, const engine::Tensor& gate) override {
    const engine::SgdSpec spec{options_.momentum, group.weight_decay, options_.nesterov};
    engine::kernel::sgd(group.gradients, spec, rate, gate, group.parameters, group.memories[0]);
  }

  std::array<float, 3> rate(float lr, int64_t) const override { return {lr}; }
};

}  // namespace

std::unique_ptr<Optimizer> sgd(const Module& network, const OptimizerOptions& options) {
  return std::make_unique<Sgd>(network, options);
}

}  // namespace nn
