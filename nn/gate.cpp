#include "nn/gate.h"

#include "engine/kernels.h"

namespace nn {

using engine::Tensor;

Gate::Gate(engine::Device device) : state_({2}, device), norm_({1}, device) { open(); }

void Gate::admit(const engine::Tensors& gradients, const Tensor& loss, double most) {
  if (gradients.empty()) engine::fill(norm_.data(), norm_.device(), 1, 0);
  else engine::kernel::norm(gradients, norm_);
  engine::kernel::admit(norm_, loss, static_cast<float>(most), state_);
}

void Gate::open() { state_.copy_from(Tensor::from({2}, {1, 0})); }

}  // namespace nn
