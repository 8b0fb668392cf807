#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "engine/variable.h"

namespace nn {

/// Whether a network learns or is tested. Passed to forward, never stored.
enum class Mode { train, eval };

/// One named tensor of a network.
struct Entry {
  enum class Kind {
    weight,  // learned, and shrunk by weight decay
    offset,  // learned, not shrunk unless asked: biases and the parameters of batch norm
    buffer,  // not learned: running statistics
  };
  std::string name;
  Kind kind;
  engine::Variable variable;
};

/// Everything a network consists of, in a fixed order; handles, so that changing a value changes the network.
using State = std::vector<Entry>;

/// A part of a network that owns its parameters.
class Module {
 public:
  virtual ~Module() = default;
  virtual engine::Variable forward(const engine::Variable& x, Mode mode) = 0;

  /// Appends its parameters and buffers, their names starting with `name`, which is empty or ends in a dot.
  virtual void collect(const std::string& name, State& state) const = 0;
};

/// What is done to the output y of a stage, counted from 1, before anything else reads it.
using AfterStage = std::function<engine::Variable(int stage, const engine::Variable& y)>;

/// A whole network, from images (n, h, w, c) to logits (n, classes). Its stages are the runs of layers of one
/// resolution; they can be listened to and changed.
class Network : public Module {
 public:
  virtual int stages() const = 0;
  engine::Variable forward(const engine::Variable& x, Mode mode, const AfterStage& after);
  engine::Variable forward(const engine::Variable& x, Mode mode) final {
    return forward(x, mode, [](int, const engine::Variable& y) { return y; });
  }

  /// The type of what layers hand on to each other, bfloat16 on a GPU alone. Values and logits are float32 in any case.
  void set_type(engine::DType type) { type_ = type; }

 private:
  virtual engine::Variable run(const engine::Variable& x, Mode mode, const AfterStage& after) = 0;

  engine::DType type_ = engine::DType::f32;
};

/// All entries of a network, by PyTorch's names: "conv1.weight", "layer1.0.bn1.running_mean", ...
State state_of(const Module& network);

/// The names of a network's entries by where their values are, to tell which of them an op reads.
std::map<const void*, std::string> names_by_memory(const Module& network);

/// Takes all values to a device; what was made from them before, such as an optimizer, does not go along.
void move_to(const Module& network, engine::Device device);

/// Where a network's values are, and its images have to be; of one without values the CPU.
engine::Device device_of(const Module& network);

/// How many numbers the network learns.
int64_t count_parameters(const Module& network);

}  // namespace nn
