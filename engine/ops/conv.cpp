#include "engine/ops.h"
#include "engine/work.h"

namespace engine {

Variable conv2d(const Variable& x, const Variable& weight, const Conv2dSpec& spec) {
  const Shape &in = x.shape(), &k = weight.shape();
  ENSURE(in.rank() == 4 && k.rank() == 4, "conv2d: input ", in, " and weight ", k, " must have rank 4");
  ENSURE(in.elements() > 0 && k.elements() > 0, "conv2d: input ", in, " or weight ", k, " is empty");
  ENSURE(spec.stride >= 1 && spec.pad >= 0 && spec.groups >= 1, "conv2d: stride ", spec.stride, ", pad ", spec.pad,
         ", groups ", spec.groups);
  ENSURE(in[3] == k[3] * spec.groups, "conv2d: input ", in, " and weight ", k, " differ in channels",
         spec.groups > 1 ? text(" (", spec.groups, " groups)") : "");
  ENSURE(k[0] % spec.groups == 0, "conv2d: ", k[0], " output channels do not divide into ", spec.groups, " groups");
  const int64_t oh = (in[1] + 2 * spec.pad - k[1]) / spec.stride + 1,
                ow = (in[2] + 2 * spec.pad - k[2]) / spec.stride + 1;
  ENSURE(in[1] + 2 * spec.pad >= k[1] && in[2] + 2 * spec.pad >= k[2], "conv2d: weight ", k, " is larger than input ",
         in, " with pad ", spec.pad);

  Tensor y = Tensor::like(x.value(), {in[0], oh, ow, k[0]});
  kernel::conv2d(x.value(), weight.value(), spec, y);
  count_work(y.elements() * k[1] * k[2] * k[3]);
  return record("conv2d", y, {x, weight}, [x = x.value(), w = weight.value(), spec](const Tensor& dy, Gradients& dx) {
    dx.add_to(0, x.shape(), [&](Tensor& g, bool add) { kernel::conv2d_backward_data(dy, w, spec, add, g); });
    dx.add(1, w.shape(), [&](Tensor& g) { kernel::conv2d_backward_weight(dy, x, spec, g); });
  });
}

}  // namespace engine
