#include "engine/variable.h"

#include <algorithm>
#include <atomic>
#include <unordered_set>
#include <utility>

#include "engine/kernels.h"
#include "engine/trace.h"

namespace engine {
namespace {

thread_local bool recording = true;
std::atomic<int64_t> next_order{0};

}  // namespace

/// What lies behind a variable, newest op first.
class Graph {
 public:
  explicit Graph(const Variable& y) : root_(y.node_) {
    ENSURE(root_, "backward: nothing it depends on needs a gradient");
    ENSURE(!root_->leaf, "backward: a leaf was not computed from anything");
    std::unordered_set<const Node*> seen{root_.get()};
    nodes_.push_back(root_);
    for (size_t i = 0; i < nodes_.size(); ++i) {
      const Node& node = *nodes_[i];
      ENSURE(node.leaf || node.backward, "backward: the graph of '", node.op, "' was already used and freed");
      for (const std::shared_ptr<Node>& input : node.inputs) {
        if (input && seen.insert(input.get()).second) nodes_.push_back(input);
      }
    }
    std::sort(nodes_.begin(), nodes_.end(), [](const auto& a, const auto& b) { return a->order > b->order; });
  }

  /// Runs the ops backward from dy, following only the wanted nodes.
  void run(const Tensor& dy, const std::function<bool(const Node*)>& wanted) {
    root_->grad = dy;
    for (std::shared_ptr<Node>& node : nodes_) {
      if (node->leaf || !node->grad.defined()) continue;
      Tensor gradient = std::move(node->grad);
      const Backward backward = std::move(node->backward);
      Gradients dx(*node, gradient.device(), wanted);
      backward(gradient, dx);
      node->backward = nullptr;
      node->inputs.clear();
      node.reset();
    }
  }

  /// The nodes between the root and `of`, both included.
  std::unordered_set<const Node*> path_to(const Variable& of) const {
    std::unordered_set<const Node*> path{of.node_.get()};
    for (auto node = nodes_.rbegin(); node != nodes_.rend(); ++node) {
      for (const auto& input : (*node)->inputs) {
        if (input && path.contains(input.get())) path.insert(node->get());
      }
    }
    return path;
  }

  static bool is_leaf(const Variable& x) { return x.node_ && x.node_->leaf; }
  static Tensor& grad(const Variable& leaf) { return leaf.node_->grad; }

 private:
  std::shared_ptr<Node> root_;
  std::vector<std::shared_ptr<Node>> nodes_;
};

Node::~Node() {
  std::vector<std::shared_ptr<Node>> last = std::move(inputs);
  while (!last.empty()) {
    const std::shared_ptr<Node> node = std::move(last.back());
    last.pop_back();
    if (node && node.use_count() == 1) {
      for (std::shared_ptr<Node>& input : node->inputs) last.push_back(std::move(input));
      node->inputs.clear();
    }
  }
}

Variable Variable::leaf(Tensor value) {
  Variable leaf(std::move(value));
  leaf.node_ = std::make_shared<Node>(Node{"leaf", next_order++, {}, nullptr, {}, true, leaf.value_.dtype()});
  return leaf;
}

const Tensor& Variable::grad() const {
  ENSURE(node_ && node_->leaf, "grad: only a leaf keeps a gradient");
  return node_->grad;
}

void Variable::clear_grad() {
  if (node_) node_->grad = Tensor();
}

void Variable::set_grad(Tensor gradient) {
  ENSURE(node_ && node_->leaf && gradient.shape() == shape(), "set_grad: only a leaf keeps a gradient, of its shape");
  node_->grad = std::move(gradient);
}

NoGrad::NoGrad() : before_(recording) { recording = false; }
NoGrad::~NoGrad() { recording = before_; }

bool Gradients::wanted(int input) const {
  const Node* node = node_.inputs[static_cast<size_t>(input)].get();
  return node && wanted_(node);
}

Tensor* Gradients::own(int input) const {
  if (!wanted(input)) return nullptr;
  // Where the gradient is shared, as after a + b, adding in place would change the other owner's.
  Tensor& sum = node_.inputs[static_cast<size_t>(input)]->grad;
  return sum.defined() && sum.unique() ? &sum : nullptr;
}

void Gradients::give(int input, Tensor gradient) {
  if (!wanted(input)) return;
  Tensor& sum = node_.inputs[static_cast<size_t>(input)]->grad;
  if (!sum.defined()) {
    sum = std::move(gradient);
    return;
  }
  Tensor total = own(input) ? sum : Tensor::like(sum);
  kernel::add(sum, gradient, total);
  sum = std::move(total);
}

Variable record(const char* op, Tensor y, std::initializer_list<Variable> inputs, Backward backward) {
  trace(op, y, inputs);
  Variable result(std::move(y));
  const bool needed = std::any_of(inputs.begin(), inputs.end(), [](const Variable& x) { return x.needs_gradient(); });
  if (!recording || !needed) return result;
  result.node_ =
      std::make_shared<Node>(Node{op, next_order++, {}, std::move(backward), {}, false, result.value_.dtype()});
  for (const Variable& input : inputs) result.node_->inputs.push_back(input.node_);
  return result;
}

void backward(const Variable& loss) {
  ENSURE(loss.value().elements() == 1, "backward: the loss has shape ", loss.shape(), ", not one element");
  backward(loss, Tensor::full(loss.shape(), 1, loss.value().device()));
}

void backward(const Variable& y, const Tensor& dy) {
  ENSURE(y.shape() == dy.shape(), "backward: a gradient of shape ", dy.shape(), " for a variable of shape ", y.shape());
  Graph(y).run(dy, [](const Node*) { return true; });
}

Tensor gradient(const Variable& loss, const Variable& of) {
  ENSURE(loss.value().elements() == 1, "gradient: the loss has shape ", loss.shape(), ", not one element");
  ENSURE(Graph::is_leaf(of), "gradient: only with respect to a leaf");
  Graph graph(loss);
  const auto path = graph.path_to(of);
  const Tensor before = std::exchange(Graph::grad(of), Tensor());
  graph.run(Tensor::full(loss.shape(), 1, loss.value().device()),
            [&](const Node* node) { return path.contains(node); });
  const Tensor result = std::exchange(Graph::grad(of), before);
  ENSURE(result.defined(), "gradient: the loss does not depend on that variable");
  return result;
}

}  // namespace engine
