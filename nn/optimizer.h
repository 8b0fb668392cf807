#pragma once

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "nn/gate.h"
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

  /// The same in parts: what is told anew each time, the learning rate of the next step, which counts even if it is
  /// left out; the work, which can be recorded, where a gate lets it through; and clearing the gradients.
  void begin(float lr);
  void move(const Gate& gate);
  void clear_gradients();

  /// Of all parameters that have one.
  engine::Tensors gradients() const;

  /// What it remembers of each parameter, as handles named like "conv1.weight/0"; together with the number of steps
  /// made so far it is all that another optimizer of the same kind needs to go on from here.
  State memory() const;
  int64_t steps() const { return steps_; }
  void set_steps(int64_t steps) { steps_ = steps; }

 protected:
  Optimizer(const Module& network, const OptimizerOptions& options, int memories);

  /// Parameters that are moved together: their gradients, themselves, and what is remembered of each, of its shape and
  /// at first zero.
  struct Group {
    float weight_decay;
    engine::Tensors gradients, parameters;
    std::vector<engine::Tensors> memories;
  };
  virtual void move(Group& group, const engine::Tensor& rate, const engine::Tensor& gate) = 0;

  /// The rate of a step as kernels read it. Steps count from 1.
  virtual std::array<float, 3> rate(float lr, int64_t step) const = 0;

  OptimizerOptions options_;

 private:
  struct Slot {
    std::string name;
    engine::Variable parameter;
    float weight_decay;
    engine::Tensors memory;
  };
  std::vector<Slot> slots_;
  int64_t steps_ = 0;
  engine::Tensor rate_;
  const Gate open_;
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

// nn/optimizers/sgd.cpp, nn/optimizers/adam.cpp
std::unique_ptr<Optimizer> sgd(const Module& network, const OptimizerOptions& options);
std::unique_ptr<Optimizer> adamw(const Module& network, const OptimizerOptions& options);
std::unique_ptr<Optimizer> lamb(const Module& network, const OptimizerOptions& options);

}  // namespace nn
