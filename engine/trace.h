#pragma once

#include <functional>
#include <initializer_list>

#include "engine/variable.h"

namespace engine {

/// While one lives, it is shown every op that its thread computes forward: name, output and inputs.
class Trace {
 public:
  using Show = std::function<void(const char* op, const Tensor& y, std::initializer_list<Variable> inputs)>;

  explicit Trace(Show show);
  ~Trace();
  Trace(const Trace&) = delete;
  Trace& operator=(const Trace&) = delete;

 private:
  friend void trace(const char* op, const Tensor& y, std::initializer_list<Variable> inputs);
  Show show_;
  Trace* before_;
};

/// Told by record().
void trace(const char* op, const Tensor& y, std::initializer_list<Variable> inputs);

}  // namespace engine
