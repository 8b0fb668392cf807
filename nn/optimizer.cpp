#include "nn/optimizer.h"

#include "engine/names.h"

namespace nn {

using engine::Tensor;

Optimizer::Optimizer(const Module& network, const OptimizerOptions& options, int memories)
    : options_(options), rate_({3}, device_of(network)), open_(device_of(network)) {
  for (Entry& entry : state_of(network)) {
    if (entry.kind == Entry::Kind::buffer) continue;
    const bool decay = entry.kind == Entry::Kind::weight || options.decay_offsets;
    Slot slot{std::move(entry.name), std::move(entry.variable), decay ? options.weight_decay : 0, {}};
    for (int i = 0; i < memories; ++i)
      slot.memory.push_back(Tensor::zeros(slot.parameter.shape(), slot.parameter.value().device()));
    slots_.push_back(std::move(slot));
  }
}

void Optimizer::step(float lr) {
  begin(lr);
  move(open_);
  clear_gradients();
}

void Optimizer::begin(float lr) {
  const std::array<float, 3> now = rate(lr, ++steps_);
  rate_.copy_from(Tensor::from({3}, {now.begin(), now.end()}));
}

void Optimizer::move(const Gate& gate) {
  for (const float weight_decay : {options_.weight_decay, 0.0f}) {
    Group group{weight_decay, {}, {}, {}};
    for (Slot& slot : slots_) {
      if (slot.weight_decay != weight_decay || !slot.parameter.grad().defined()) continue;
      group.gradients.push_back(slot.parameter.grad());
      group.parameters.push_back(slot.parameter.value());
      group.memories.resize(slot.memory.size());
      for (size_t i = 0; i < slot.memory.size(); ++i) group.memories[i].push_back(slot.memory[i]);
    }
    if (!group.parameters.empty()) move(group, rate_, gate.state());
    if (options_.weight_decay == 0) return;
  }
}

void Optimizer::clear_gradients() {
  for (Slot& slot : slots_) slot.parameter.clear_grad();
}

engine::Tensors Optimizer::gradients() const {
  engine::Tensors gradients;
  for (const Slot& slot : slots_) {
    if (slot.parameter.grad().defined()) gradients.push_back(slot.parameter.grad());
  }
  return gradients;
}

State Optimizer::memory() const {
  State state;
  for (const Slot& slot : slots_) {
    for (size_t i = 0; i < slot.memory.size(); ++i) {
      state.push_back({engine::text(slot.name, "/", i), Entry::Kind::buffer, engine::Variable(slot.memory[i])});
    }
  }
  return state;
}

const std::vector<OptimizerEntry>& optimizers() {
  static const std::vector<OptimizerEntry> table{{"sgd", sgd}, {"adamw", adamw}, {"lamb", lamb}};
  return table;
}

std::unique_ptr<Optimizer> make_optimizer(const std::string& name, const Module& network,
                                          const OptimizerOptions& options) {
  return engine::find_named(optimizers(), "optimizer", name).make(network, options);
}

}  // namespace nn
