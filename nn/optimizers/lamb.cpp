#include "engine/kernels.h"
#include "nn/optimizer.h"

namespace nn {
namespace {

/// Adam's direction, as long for each tensor as the tensor itself (You et al., 2020).
class Lamb : public Optimizer {
 public:
  Lamb(const Module& network, const OptimizerOptions& options) : Optimizer(network, options, 2) {}

 private:
  void move(Slot& slot, float lr, int64_t step) override {
    const engine::AdamSpec spec{lr, options_.beta1, options_.beta2, options_.eps, slot.weight_decay, step};
    engine::kernel::lamb(slot.parameter.grad(), spec, slot.parameter.value(), slot.memory[0], slot.memory[1]);
  }
};

}  // namespace

std::unique_ptr<Optimizer> lamb(const Module& network, const OptimizerOptions& options) {
  return std::make_unique<Lamb>(network, options);
}

}  // namespace nn
