#include "engine/ops.h"

namespace engine {

Variable log_softmax(const Variable& x) {
  ENSURE(x.shape().rank() == 2 && x.shape()[1] > 0, "log_softmax: input ", x.shape(), " must have rank 2 and classes");
  Tensor y(x.shape(), x.value().device());
  kernel::log_softmax(x.value(), y);
  return record("log_softmax", y, {x}, [y](const Tensor& dy, Gradients& dx) {
    dx.add(0, y.shape(), [&](Tensor& g) { kernel::log_softmax_backward(dy, y, g); });
  });
}

Variable softmax_cross_entropy(const Variable& logits, const Tensor& target) {
  ENSURE(logits.shape().rank() == 2 && logits.shape() == target.shape(), "softmax_cross_entropy: logits ",
         logits.shape(), " and target ", target.shape(), " differ");
  ENSURE(logits.shape().elements() > 0, "softmax_cross_entropy: logits ", logits.shape(), " are empty");
  const Device device = logits.value().device();
  Tensor loss({1}, device), dlogits(logits.shape(), device);
  kernel::softmax_cross_entropy(logits.value(), target, loss, dlogits);
  return record("softmax_cross_entropy", loss, {logits}, [dlogits](const Tensor& dy, Gradients& dx) {
    dx.add(0, dlogits.shape(), [&](Tensor& g) { kernel::scale_by(dlogits, dy, 1, g); });
  });
}

}  // namespace engine
