#include "engine/ops.h"

namespace engine {

Variable add(const Variable& a, const Variable& b) {
  ENSURE(a.shape() == b.shape(), "add: shapes ", a.shape(), " and ", b.shape(), " differ");
  Tensor y = Tensor::like(a.value());
  kernel::add(a.value(), b.value(), y);
  return record("add", y, {a, b}, [](const Tensor& dy, Gradients& dx) {
    dx.give(0, dy);
    dx.give(1, dy);
  });
}

Variable relu(const Variable& x) {
  Tensor y = Tensor::like(x.value());
  kernel::relu(x.value(), y);
  return record("relu", y, {x}, [y](const Tensor& dy, Gradients& dx) {
    dx.add(0, y.shape(), [&](Tensor& g) { kernel::relu_backward(dy, y, g); });
  });
}

Variable reshape(const Variable& x, Shape shape) {
  return record("reshape", x.value().reshaped(shape), {x},
                [before = x.shape()](const Tensor& dy, Gradients& dx) { dx.give(0, dy.reshaped(before)); });
}

Variable scale(const Variable& x, float factor) {
  Tensor y = Tensor::like(x.value());
  kernel::scale(x.value(), factor, y);
  return record("scale", y, {x}, [factor](const Tensor& dy, Gradients& dx) {
    dx.add(0, dy.shape(), [&](Tensor& g) { kernel::scale(dy, factor, g); });
  });
}

Variable cast(const Variable& x, DType type) {
  if (x.value().dtype() == type) return x;
  Tensor y(x.shape(), x.value().device(), type);
  kernel::cast(x.value(), y);
  return record("cast", y, {x}, [](const Tensor& dy, Gradients& dx) {
    dx.add(0, dy.shape(), [&](Tensor& g) { kernel::cast(dy, g); });
  });
}

}  // namespace engine
