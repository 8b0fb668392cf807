#include <cmath>
#include <functional>
#include <utility>

#include "engine/kernels.h"
#include "nn/optimizer.h"

namespace nn {
namespace {

/// A kernel that moves parameters by running means of their gradients and of the gradients' squares.
using Kernel =
    std::function<void(const engine::Tensors& grad, const engine::AdamSpec& spec, const engine::Tensor& rate,
                       const engine::Tensor& gate, engine::Tensors& w, engine::Tensors& m, engine::Tensors& v)>;

class Adam : public Optimizer {
 public:
  Adam(const Module& network, const OptimizerOptions& options, Kernel kernel)
      : Optimizer(network, options, 2), kernel_(std::move(kernel)) {}

 private:
  void move(Group& group, const engine::Tensor& rate, const engine::Tensor& gate) override {
    const engine::AdamSpec spec{options_.beta1, options_.beta2, options_.eps, group.weight_decay};
    kernel_(group.gradients, spec, rate, gate, group.parameters, group.memories[0], group.memories[1]);
  }

  std::array<float, 3> rate(float lr, int64_t step) const override {
    const auto t = static_cast<float>(step);
    return {lr, 1 / (1 - std::pow(options_.beta1, t)), 1 / std::sqrt(1 - std::pow(options_.beta2, t))};
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
