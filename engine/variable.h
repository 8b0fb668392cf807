#pragma once

#include <functional>
#include <initializer_list>
#include <memory>
#include <vector>

#include "engine/tensor.h"

namespace engine {

class Gradients;

/// How to go back through an op: from the gradient dy of its output to those of its inputs, handed to `dx`.
using Backward = std::function<void(const Tensor& dy, Gradients& dx)>;

/// One recorded op, or a leaf: a place where a gradient stays. Made by record() and Variable::leaf().
struct Node {
  const char* op;
  int64_t order;                              // of creation, which is a topological order
  std::vector<std::shared_ptr<Node>> inputs;  // null where an input needs no gradient
  Backward backward;                          // empty in a leaf, and once it was used
  Tensor grad;
  bool leaf;
  DType type;  // of the value, and so of the gradient

  ~Node();  // frees a long chain without recursion
};

/// A tensor that remembers how it was computed. Copying the handle shares value and node.
class Variable {
 public:
  Variable() = default;
  explicit Variable(Tensor value) : value_(std::move(value)) {}  // a constant
  static Variable leaf(Tensor value);                            // collects a gradient

  const Tensor& value() const { return value_; }
  Tensor& value() { return value_; }
  const Shape& shape() const { return value_.shape(); }

  bool needs_gradient() const { return node_ != nullptr; }
  const Tensor& grad() const;  // of a leaf; undefined before the first backward
  void clear_grad();
  void set_grad(Tensor gradient);  // of a leaf: in place of what backward computed

 private:
  friend class Graph;
  friend Variable record(const char*, Tensor, std::initializer_list<Variable>, Backward);
  Tensor value_;
  std::shared_ptr<Node> node_;
};

/// While one lives, its thread records nothing.
class NoGrad {
 public:
  NoGrad();
  ~NoGrad();
  NoGrad(const NoGrad&) = delete;
  NoGrad& operator=(const NoGrad&) = delete;

 private:
  bool before_;
};

/// The gradients an op hands to its inputs. The first one to arrive at an input is moved in, the next ones are added.
class Gradients {
 public:
  bool wanted(int input) const;

  /// Computes the gradient of an input by fill(uninitialised tensor of its shape), unless nobody wants it.
  template <class Fill>
  void add(int input, const Shape& shape, Fill fill) {
    if (!wanted(input)) return;
    Tensor gradient(shape, device_, type(input));
    fill(gradient);
    give(input, std::move(gradient));
  }

  /// The same for an op that can add by itself: fill(gradient, true) adds to the one that is already there.
  template <class Fill>
  void add_to(int input, const Shape& shape, Fill fill) {
    if (Tensor* sum = own(input)) fill(*sum, true);
    else add(input, shape, [&](Tensor& gradient) { fill(gradient, false); });
  }

  /// Hands over a finished gradient; its memory may be shared with others, who will not see it change.
  void give(int input, Tensor gradient);

 private:
  friend class Graph;
  DType type(int input) const { return node_.inputs[static_cast<size_t>(input)]->type; }
  /// The gradient that an input has so far, if it may be changed in place.
  Tensor* own(int input) const;
  Gradients(const Node& node, Device device, const std::function<bool(const Node*)>& wanted)
      : node_(node), device_(device), wanted_(wanted) {}
  const Node& node_;
  Device device_;
  const std::function<bool(const Node*)>& wanted_;
};

/// The variable of an op's output y: remembers `backward` if any input needs a gradient and no NoGrad lives.
Variable record(const char* op, Tensor y, std::initializer_list<Variable> inputs, Backward backward);

/// Adds the gradient of a scalar loss to the grad() of every leaf it depends on, and frees the graph as it goes.
void backward(const Variable& loss);

/// The same for any y, from the gradient dy of what follows it.
void backward(const Variable& y, const Tensor& dy);

/// The gradient of a scalar loss with respect to one leaf, computing only what lies between; no grad() changes. Frees
/// that part of the graph.
Tensor gradient(const Variable& loss, const Variable& of);

}  // namespace engine
