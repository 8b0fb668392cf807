#pragma once

#include "engine/kernels.h"

// The ways to compute a convolution; conv.cpp chooses among them. All have the contract of the kernels conv2d,
// conv2d_backward_data and conv2d_backward_weight.
namespace engine::cpu {

/// Walks over the cells of n grids (h, w) in order; dividing at every step would cost more than the work on a cell.
class Walk {
 public:
  Walk(int64_t start, int64_t h, int64_t w) : image(start / (h * w)), y(start / w % h), x(start % w), h_(h), w_(w) {}
  void next() {
    if (++x < w_) return;
    x = 0;
    if (++y < h_) return;
    y = 0;
    ++image;
  }
  int64_t image, y, x;

 private:
  int64_t h_, w_;
};

/// Tap by tap; any shape.
namespace direct {
void forward(const Tensor& x, const Tensor& weight, const Conv2dSpec& spec, Tensor& y);
void backward_data(const Tensor& dy, const Tensor& weight, const Conv2dSpec& spec, bool accumulate, Tensor& dx);
void backward_weight(const Tensor& dy, const Tensor& x, const Conv2dSpec& spec, Tensor& dweight);
}  // namespace direct

/// 3x3 kernels in groups of up to two vectors.
namespace grouped {
bool fits(const Shape& weight, const Conv2dSpec& spec);
void forward(const Tensor& x, const Tensor& weight, const Conv2dSpec& spec, Tensor& y);
void backward_data(const Tensor& dy, const Tensor& weight, const Conv2dSpec& spec, bool accumulate, Tensor& dx);
void backward_weight(const Tensor& dy, const Tensor& x, const Conv2dSpec& spec, Tensor& dweight);
}  // namespace grouped

/// 3x3 kernels at stride 1 with a quarter of the multiplications, at stride 2 with little more than half of them.
namespace winograd {
bool fits(const Shape& x, const Shape& weight, const Conv2dSpec& spec);
/// Whether it is faster than direct: in whole tiles a small image can cost more than it saves.
bool pays(const Shape& y, int64_t stride);
void forward(const Tensor& x, const Tensor& weight, const Conv2dSpec& spec, Tensor& y);
void backward_data(const Tensor& dy, const Tensor& weight, const Conv2dSpec& spec, bool accumulate, Tensor& dx);
void backward_weight(const Tensor& dy, const Tensor& x, const Conv2dSpec& spec, Tensor& dweight);
}  // namespace winograd

}  // namespace engine::cpu
