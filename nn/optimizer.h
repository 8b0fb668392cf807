#pragma once

#include <memory>
#include <string>
#include <vector>

#include "nn/module.h"

namespace nn {

/// What optimizers are made from; each reads what concerns it.
struct OptimizerOptions {
  float momentum = 0.9f;                            // "sgd"
  float weight_decay = 0;                           // of weights,
  bool decay_offsets = false;                       //   and of biases and batch norm too
  bool nesterov = false;                            // "sgd"
  float beta1 = 0.9f, beta2 = 0.999f, eps = 1e-8f;  // "adamw", "lamb"
};

/// Moves the parameters of a network along their gradients.
class Optimizer {
 public:
  virtual ~Optimizer() = default;

  /// Moves every parameter that has a gradient, and clears the gradients.
  void step(float lr);

  /// Clears the gradients and moves nothing; counts as a step.
  void skip();

  /// What it remembers of each parameter, as handles named like "conv1.weight/0"; together with the number of steps
  /// made so far it is all that another optimizer of the same kind needs to go on from here.
  State memory() const;
  int64_t steps() const { return steps_; }
  void set_steps(int64_t steps) { steps_ = steps; }

 protected:
  /// A parameter, and what the optimizer remembers of it, of the parameter's shape and at first zero.
  struct Slot {
    std::string name;
    engine::Variable parameter;
    float weight_decay;
    std::vector<engine::Tensor> memory;
  };
  Optimizer(const Module& network, const OptimizerOptions& options, int memories);

  /// Moves one parameter. Steps count from 1.
  virtual void move(Slot& slot, float lr, int64_t step) = 0;

  OptimizerOptions options_;

 private:
  std::vector<Slot> slots_;
  int64_t steps_ = 0;
};

struct OptimizerEntry {
  const char* name;
  std::unique_ptr<Optimizer> (*make)(const Module& network, const OptimizerOptions& options);
};

/// Every optimizer, by name.
const std::vector<OptimizerEntry>& optimizers();

/// The optimizer of that name; an Error lists the names where there is none such.
std::unique_ptr<Optimizer> make_optimizer(const std::string& name, const Module& network,
                                          const OptimizerOptions& options);

/// The gradient of each parameter, undefined where it has none; and putting such a list in its place again.
std::vector<engine::Tensor> gradients_of(const Module& network);
void set_gradients(const Module& network, const std::vector<engine::Tensor>& gradients);

/// The sum of the squares of each parameter's gradient, on the device of the network; undefined where there is none.
engine::Tensor squared_gradients(const Module& network);

/// Scales all gradients so that together their norm is at most `most`, and returns the norm that it was (Pascanu,
/// Mikolov, Bengio, 2013), which follows from their squares.
double clip_gradients(const Module& network, double most, const engine::Tensor& squares);
double clip_gradients(const Module& network, double most);

// nn/optimizers/sgd.cpp, nn/optimizers/adam.cpp
std::unique_ptr<Optimizer> sgd(const Module& network, const OptimizerOptions& options);
std::unique_ptr<Optimizer> adamw(const Module& network, const OptimizerOptions& options);
std::unique_ptr<Optimizer> lamb(const Module& network, const OptimizerOptions& options);

}  // namespace nn
