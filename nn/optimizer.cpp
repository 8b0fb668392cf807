#include "nn/optimizer.h"

namespace nn {

Sgd::Sgd(const Module& network, const Options& options) : options_(options) {
  for (Entry& entry : state_of(network)) {
    if (entry.kind == Entry::Kind::buffer) continue;
    const bool decay = entry.kind == Entry::Kind::weight || options.decay_offsets;
    const engine::Shape shape = entry.variable.shape();
    slots_.push_back({std::move(entry.variable), engine::Tensor::zeros(shape), decay ? options.weight_decay : 0});
  }
}

void Sgd::step(float lr) {
  for (Slot& slot : slots_) {
    if (!slot.parameter.grad().defined()) continue;
    const engine::SgdSpec spec{lr, options_.momentum, slot.weight_decay, options_.nesterov};
    engine::kernel::sgd(slot.parameter.grad(), spec, slot.parameter.value(), slot.velocity);
    slot.parameter.clear_grad();
  }
}

}  // namespace nn
