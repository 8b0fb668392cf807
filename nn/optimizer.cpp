#include "nn/optimizer.h"

#include <cmath>

#include "engine/kernels.h"
#include "engine/names.h"

namespace nn {

using engine::Tensor;

Optimizer::Optimizer(const Module& network, const OptimizerOptions& options, int memories) : options_(options) {
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
  ++steps_;
  for (Slot& slot : slots_) {
    if (!slot.parameter.grad().defined()) continue;
    move(slot, lr, steps_);
    slot.parameter.clear_grad();
  }
}

void Optimizer::skip() {
  ++steps_;
  for (Slot& slot : slots_) slot.parameter.clear_grad();
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

std::vector<Tensor> gradients_of(const Module& network) {
  std::vector<Tensor> gradients;
  for (const Entry& entry : state_of(network)) {
    if (entry.kind != Entry::Kind::buffer) gradients.push_back(entry.variable.grad());
  }
  return gradients;
}

void set_gradients(const Module& network, const std::vector<Tensor>& gradients) {
  auto gradient = gradients.begin();
  for (Entry& entry : state_of(network)) {
    if (entry.kind != Entry::Kind::buffer) entry.variable.set_grad(*gradient++);
  }
}

namespace {

std::vector<Tensor> defined_gradients(const Module& network) {
  std::vector<Tensor> gradients = gradients_of(network);
  std::erase_if(gradients, [](const Tensor& gradient) { return !gradient.defined(); });
  return gradients;
}

}  // namespace

Tensor squared_gradients(const Module& network) {
  const std::vector<Tensor> gradients = defined_gradients(network);
  if (gradients.empty()) return {};
  Tensor squares({static_cast<int64_t>(gradients.size())}, gradients.front().device());
  for (size_t i = 0; i < gradients.size(); ++i) {
    engine::kernel::squared_norm(gradients[i], static_cast<int64_t>(i), squares);
  }
  return squares;
}

double clip_gradients(const Module& network, double most, const Tensor& squares) {
  if (!squares.defined()) return 0;
  double sum = 0;
  for (float square : squares.to_vector()) sum += square;
  const double norm = std::sqrt(sum);
  if (norm <= most) return norm;
  for (Tensor gradient : defined_gradients(network)) {
    engine::kernel::scale(gradient, static_cast<float>(most / (norm + 1e-6)), gradient);  // as PyTorch does
  }
  return norm;
}

double clip_gradients(const Module& network, double most) {
  return clip_gradients(network, most, squared_gradients(network));
}

}  // namespace nn
