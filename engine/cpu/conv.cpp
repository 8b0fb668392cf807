#include "engine/cpu/conv.h"

#include "engine/cpu/vector.h"

namespace engine::cpu {

void conv2d(const Tensor& x, const Tensor& weight, const Conv2dSpec& spec, Tensor& y) {
  if (winograd::fits(x.shape(), weight.shape(), spec, y.shape())) winograd::forward(x, weight, spec, y);
  else if (grouped::fits(weight.shape(), spec, lanes / 2)) grouped::forward(x, weight, spec, y);
  else direct::forward(x, weight, spec, y);
}

void conv2d_backward_data(const Tensor& dy, const Tensor& weight, const Conv2dSpec& spec, Tensor& dx) {
  if (winograd::fits(dx.shape(), weight.shape(), spec, dy.shape())) winograd::backward_data(dy, weight, spec, dx);
  else if (grouped::fits(weight.shape(), spec, lanes / 2)) grouped::backward_data(dy, weight, spec, dx);
  else direct::backward_data(dy, weight, spec, dx);
}

void conv2d_backward_weight(const Tensor& dy, const Tensor& x, const Conv2dSpec& spec, Tensor& dweight) {
  if (winograd::fits(x.shape(), dweight.shape(), spec, dy.shape())) winograd::backward_weight(dy, x, spec, dweight);
  else if (grouped::fits(dweight.shape(), spec, lanes)) grouped::backward_weight(dy, x, spec, dweight);
  else direct::backward_weight(dy, x, spec, dweight);
}

}  // namespace engine::cpu
