#include "engine/ops.h"
#include "engine/work.h"

namespace engine {

Variable linear(const Variable& x, const Variable& weight, const Variable& bias) {
  const Shape &in = x.shape(), &k = weight.shape();
  ENSURE(in.rank() == 2 && k.rank() == 2 && in[1] == k[1], "linear: input ", in, " and weight ", k,
         " differ in features");
  ENSURE(bias.shape() == Shape{k[0]}, "linear: bias ", bias.shape(), " does not fit weight ", k);

  Tensor y({in[0], k[0]}, x.value().device());
  kernel::linear(x.value(), weight.value(), bias.value(), y);
  count_work(y.elements() * k[1]);
  return record("linear", y, {x, weight, bias},
                [x = x.value(), w = weight.value(), oc = bias.shape()](const Tensor& dy, Gradients& dx) {
                  dx.add(0, x.shape(), [&](Tensor& g) { kernel::linear_backward_data(dy, w, g); });
                  dx.add(1, w.shape(), [&](Tensor& g) { kernel::linear_backward_weight(dy, x, g); });
                  dx.add(2, oc, [&](Tensor& g) { kernel::linear_backward_bias(dy, g); });
                });
}

}  // namespace engine
