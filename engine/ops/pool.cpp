#include "engine/ops.h"

namespace engine {
namespace {

Tensor pooled(const char* op, const Variable& x, const Pool2dSpec& spec) {
  const Shape& in = x.shape();
  ENSURE(in.rank() == 4, op, ": input ", in, " must have rank 4");
  ENSURE(spec.kernel >= 1 && spec.stride >= 1 && spec.pad >= 0 && 2 * spec.pad <= spec.kernel, op, ": kernel ",
         spec.kernel, ", stride ", spec.stride, ", pad ", spec.pad);
  ENSURE(in[1] + 2 * spec.pad >= spec.kernel && in[2] + 2 * spec.pad >= spec.kernel, op, ": kernel ", spec.kernel,
         " is larger than input ", in, " with pad ", spec.pad);
  const auto extent = [&](int64_t size) { return (size + 2 * spec.pad - spec.kernel) / spec.stride + 1; };
  return Tensor::like(x.value(), {in[0], extent(in[1]), extent(in[2]), in[3]});
}

}  // namespace

Variable max_pool2d(const Variable& x, const Pool2dSpec& spec) {
  Tensor y = pooled("max_pool2d", x, spec);
  kernel::max_pool2d(x.value(), spec, y);
  return record("max_pool2d", y, {x}, [x = x.value(), y, spec](const Tensor& dy, Gradients& dx) {
    dx.add(0, x.shape(), [&](Tensor& g) { kernel::max_pool2d_backward(dy, x, y, spec, g); });
  });
}

Variable avg_pool2d(const Variable& x, const Pool2dSpec& spec) {
  Tensor y = pooled("avg_pool2d", x, spec);
  kernel::avg_pool2d(x.value(), spec, y);
  return record("avg_pool2d", y, {x}, [in = x.shape(), spec](const Tensor& dy, Gradients& dx) {
    dx.add(0, in, [&](Tensor& g) { kernel::avg_pool2d_backward(dy, spec, g); });
  });
}

Variable global_avg_pool(const Variable& x) {
  const Shape& in = x.shape();
  ENSURE(in.rank() == 4 && in.elements() > 0, "global_avg_pool: input ", in, " must have rank 4 and not be empty");
  Tensor y({in[0], in[3]}, x.value().device());
  kernel::global_avg_pool(x.value(), y);
  return record("global_avg_pool", y, {x}, [in](const Tensor& dy, Gradients& dx) {
    dx.add(0, in, [&](Tensor& g) { kernel::global_avg_pool_backward(dy, g); });
  });
}

}  // namespace engine
