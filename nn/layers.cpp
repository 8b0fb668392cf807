#include "nn/layers.h"

#include <cmath>

namespace nn {

using engine::Rng;
using engine::Shape;
using engine::Tensor;
using engine::Variable;

namespace {

Variable uniform_leaf(Shape shape, double bound, Rng& rng) {
  Tensor values(shape);
  for (int64_t i = 0; i < values.elements(); ++i) values.data()[i] = static_cast<float>(rng.uniform(-bound, bound));
  return Variable::leaf(values);
}

Variable normal_leaf(Shape shape, double deviation, Rng& rng) {
  Tensor values(shape);
  for (int64_t i = 0; i < values.elements(); ++i) values.data()[i] = static_cast<float>(deviation * rng.normal());
  return Variable::leaf(values);
}

}  // namespace

Variable Network::forward(const Variable& x, Mode mode, const AfterStage& after) {
  return run(engine::cast(x, type_), mode, after);
}

State state_of(const Module& network) {
  State state;
  network.collect("", state);
  return state;
}

std::map<const void*, std::string> names_by_memory(const Module& network) {
  std::map<const void*, std::string> names;
  for (const Entry& entry : state_of(network)) names[entry.variable.value().address()] = entry.name;
  return names;
}

void move_to(const Module& network, engine::Device device) {
  for (Entry& entry : state_of(network)) entry.variable.value().move_to(device);
}

engine::Device device_of(const Module& network) {
  const State state = state_of(network);
  return state.empty() ? engine::Device::cpu : state.front().variable.value().device();
}

int64_t count_parameters(const Module& network) {
  int64_t count = 0;
  for (const Entry& entry : state_of(network)) {
    if (entry.kind != Entry::Kind::buffer) count += entry.variable.shape().elements();
  }
  return count;
}

Conv2d::Conv2d(const Options& o, Rng& rng)
    : spec_{.stride = o.stride, .pad = o.pad, .groups = o.groups},
      weight_(normal_leaf({o.oc, o.kernel, o.kernel, o.ic / o.groups},
                          std::sqrt(2.0 / static_cast<double>(o.oc * o.kernel * o.kernel)), rng)) {}

Variable Conv2d::forward(const Variable& x, Mode) { return engine::conv2d(x, weight_, spec_); }

void Conv2d::collect(const std::string& name, State& state) const {
  state.push_back({name + "weight", Entry::Kind::weight, weight_});
}

BatchNorm::BatchNorm(int64_t channels, const NormOptions& options, float gamma)
    : options_(options),
      gamma_(Variable::leaf(Tensor::full({channels}, gamma))),
      beta_(Variable::leaf(Tensor::zeros({channels}))),
      running_mean_(Tensor::zeros({channels})),
      running_var_(Tensor::full({channels}, 1)) {}

Variable BatchNorm::forward(const Variable& x, Mode mode) {
  return engine::batch_norm(x, gamma_, beta_, running_mean_, running_var_, mode == Mode::train,
                            {.eps = options_.eps, .momentum = options_.momentum});
}

Variable BatchNorm::forward_relu(const Variable& x, Mode mode, const Variable& residual) {
  return engine::batch_norm(x, gamma_, beta_, running_mean_, running_var_, mode == Mode::train,
                            {.eps = options_.eps, .momentum = options_.momentum, .relu = true, .leak = options_.leak},
                            residual);
}

void BatchNorm::collect(const std::string& name, State& state) const {
  state.push_back({name + "weight", Entry::Kind::offset, gamma_});
  state.push_back({name + "bias", Entry::Kind::offset, beta_});
  state.push_back({name + "running_mean", Entry::Kind::buffer, Variable(running_mean_)});
  state.push_back({name + "running_var", Entry::Kind::buffer, Variable(running_var_)});
}

Linear::Linear(int64_t ic, int64_t oc, Rng& rng)
    : weight_(uniform_leaf({oc, ic}, 1 / std::sqrt(static_cast<double>(ic)), rng)),
      bias_(uniform_leaf({oc}, 1 / std::sqrt(static_cast<double>(ic)), rng)) {}

Variable Linear::forward(const Variable& x, Mode) {
  return engine::linear(engine::cast(x, engine::DType::f32), weight_, bias_);
}

void Linear::collect(const std::string& name, State& state) const {
  state.push_back({name + "weight", Entry::Kind::weight, weight_});
  state.push_back({name + "bias", Entry::Kind::offset, bias_});
}

}  // namespace nn
