#pragma once

#include "engine/kernels.h"

// The ways to compute a convolution; conv.cpp chooses among them. All have the contract of the kernels conv2d,
// conv2d_backward_data and conv2d_backward_weight.
namespace engine::cpu {

/// Tap by tap; any shape.
namespace direct {
void forward(const Tensor& x, const Tensor& weight, const Conv2dSpec& spec, Tensor& y);
void backward_data(const Tensor& dy, const Tensor& weight, const Conv2dSpec& spec, Tensor& dx);
void backward_weight(const Tensor& dy, const Tensor& x, const Conv2dSpec& spec, Tensor& dweight);
}  // namespace direct

/// 3x3 kernels at stride 1 with a quarter of the multiplications.
namespace winograd {
bool fits(const Shape& x, const Shape& weight, const Conv2dSpec& spec, const Shape& y);
void forward(const Tensor& x, const Tensor& weight, const Conv2dSpec& spec, Tensor& y);
void backward_data(const Tensor& dy, const Tensor& weight, const Conv2dSpec& spec, Tensor& dx);
void backward_weight(const Tensor& dy, const Tensor& x, const Conv2dSpec& spec, Tensor& dweight);
}  // namespace winograd

}  // namespace engine::cpu
