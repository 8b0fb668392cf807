#include <functional>
#include <utility>

#include "engine/kernels.h"
#include "nn/optimizer.h"

namespace nn {
namespace {

/// A kernel that moves a parameter by running means of its gradient and of the gradient's square.
using Kernel = std::function<void(const engine::Tensor& grad, const engine::AdamSpec& spec, engine::Tensor& w,
                                  engine::Tensor& m, engine::Tensor& v)>;

class Adam : public Optimizer {
 public:
  Adam(const Module& network, const OptimizerOptions& options, Kernel kernel)
      : Optimizer(network, options, 2), kernel_(std::move(kernel)) {}

 private:
  void move(Slot& slot, float lr, int64_t step) override {
    const engine::AdamSpec spec{lr, options_.beta1, options_.beta2, options_.eps, slot.weight_decay, step};
    kernel_(slot.parameter.grad(), spec, slot.parameter.value(), slot.memory[0], slot.memory[1]);
  }
  Kernel kernel_;
};

}  // namespace

/// Adam with weight decay that is not mixed into the gradient (Loshchilov, Hutter, 2019).
std::unique_ptr<Optimizer> adamw(const Module& network, const OptimizerOptions& options) {
  return std::make_unique<Adam>(network, options, engine::kernel::adamw);
}

/// Adam's direction, as long for each tensor as the tensor itself (You et al., 2020).
std::unique_ptr<Optimizer> lamb(const Module& network, const OptimizerOptions& options) {
  return std::make_unique<Adam>(network, options, engine::kernel::lamb);
}

}  // namespace nn
