#include "engine/cuda/conv_plan.h"
#include "engine/cuda/converted.h"
#include "engine/kernels.h"

// With bfloat16 images cuDNN wants bfloat16 weights, and gives such gradients: copies for the time of a call.
namespace engine::cuda {
namespace {

void run(ConvPass pass, const Tensor& x, const Tensor& weight, const Tensor& y, const Conv2dSpec& spec,
         bool accumulate = false) {
  // To cuDNN all memory is alike; it writes to that of the pass's result.
  const auto memory = [](const Tensor& t) { return const_cast<void*>(t.address()); };
  const auto type = x.dtype() == DType::bf16 ? CUDNN_DATA_BFLOAT16 : CUDNN_DATA_FLOAT;
  convolve(
      {pass, x.shape(), weight.shape(), y.shape(), spec.stride, spec.pad, spec.groups, type, accumulate, gpu_math()},
      {memory(x), memory(weight), memory(y)});
}

}  // namespace

void conv2d(const Tensor& x, const Tensor& weight, const Conv2dSpec& spec, Tensor& y) {
  run(ConvPass::forward, x, converted(weight, x.dtype()), y, spec);
}

void conv2d_backward_data(const Tensor& dy, const Tensor& weight, const Conv2dSpec& spec, bool accumulate, Tensor& dx) {
  run(ConvPass::backward_data, dx, converted(weight, dy.dtype()), dy, spec, accumulate);
}

void conv2d_backward_weight(const Tensor& dy, const Tensor& x, const Conv2dSpec& spec, Tensor& dweight) {
  if (x.dtype() == dweight.dtype()) return run(ConvPass::backward_weight, x, dweight, dy, spec);
  const Tensor rounded(dweight.shape(), Device::cuda, x.dtype());
  run(ConvPass::backward_weight, x, rounded, dy, spec);
  cast(rounded, dweight);
}

}  // namespace engine::cuda
