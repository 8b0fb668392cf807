#include "engine/kernels.h"
#include "nn/optimizer.h"

namespace nn {
namespace {

/// Adam with weight decay that is not mixed into the gradient (Loshchilov, Hutter, 2019).
class AdamW : public Optimizer {
 public:
  AdamW(const Module& network, const OptimizerOptions& options) : Optimizer(network, options, 2) {}

 private:
  void move(Slot& slot, float lr, int64_t step) override {
    const engine::AdamSpec spec{lr, options_.beta1, options_.beta2, options_.eps, slot.weight_decay, step};
    engine::kernel::adamw(slot.parameter.grad(), spec, slot.parameter.value(), slot.memory[0], slot.memory[1]);
  }
};

}  // namespace

std::unique_ptr<Optimizer> adamw(const Module& network, const OptimizerOptions& options) {
  return std::make_unique<AdamW>(network, options);
}

}  // namespace nn
