#include "engine/cuda/conv_plan.h"
#include "engine/kernels.h"

namespace engine::cuda {
namespace {

void run(ConvPass pass, const Tensor& x, const Tensor& weight, const Tensor& y, const Conv2dSpec& spec,
         bool accumulate = false) {
  // To cuDNN all memory is alike; it writes to that of the pass's result.
  const auto memory = [](const Tensor& t) { return const_cast<float*>(t.data()); };
  convolve({pass, x.shape(), weight.shape(), y.shape(), spec.stride, spec.pad, spec.groups, CUDNN_DATA_FLOAT,
            accumulate, gpu_math()},
           {memory(x), memory(weight), memory(y)});
}

}  // namespace

void conv2d(const Tensor& x, const Tensor& weight, const Conv2dSpec& spec, Tensor& y) {
  run(ConvPass::forward, x, weight, y, spec);
}

void conv2d_backward_data(const Tensor& dy, const Tensor& weight, const Conv2dSpec& spec, bool accumulate, Tensor& dx) {
  run(ConvPass::backward_data, dx, weight, dy, spec, accumulate);
}

void conv2d_backward_weight(const Tensor& dy, const Tensor& x, const Conv2dSpec& spec, Tensor& dweight) {
  run(ConvPass::backward_weight, x, dweight, dy, spec);
}

}  // namespace engine::cuda
