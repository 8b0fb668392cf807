#include "engine/kernels.h"
#include "nn/optimizer.h"

namespace nn {
namespace {

/// Stochastic gradient descent with momentum, plain or Nesterov's, and weight decay.
class Sgd : public Optimizer {
 public:
  Sgd(const Module& network, const OptimizerOptions& options) : Optimizer(network, options, 1) {}

 private:
  void move(Slot& slot, float lr, int64_t) override {
    const engine::SgdSpec spec{lr, options_.momentum, slot.weight_decay, options_.nesterov};
    engine::kernel::sgd(slot.parameter.grad(), spec, slot.parameter.value(), slot.memory[0]);
  }
};

}  // namespace

std::unique_ptr<Optimizer> sgd(const Module& network, const OptimizerOptions& options) {
  return std::make_unique<Sgd>(network, options);
}

}  // namespace nn
