#include "engine/tensor.h"

#include <algorithm>

#include "engine/memory.h"

namespace engine {

void require_device(Device device) {
  ENSURE(device == Device::cpu, "device cuda: this build of demix has no CUDA backend; use --device cpu");
}

Tensor::Tensor(Shape shape, Device device) : shape_(shape), device_(device) {
  require_device(device);
  memory_ = memory::allocate(shape.elements());
}

Tensor Tensor::full(Shape shape, float value) {
  Tensor tensor(shape);
  std::fill_n(tensor.data(), tensor.elements(), value);
  return tensor;
}

Tensor Tensor::from(Shape shape, const std::vector<float>& values) {
  ENSURE(shape.elements() == static_cast<int64_t>(values.size()), "tensor: ", values.size(), " values for shape ",
         shape);
  Tensor tensor(shape);
  std::copy(values.begin(), values.end(), tensor.data());
  return tensor;
}

float Tensor::item() const {
  ENSURE(defined() && elements() == 1, "tensor: item() of shape ", shape_);
  return data()[0];
}

Tensor Tensor::reshaped(Shape shape) const {
  ENSURE(shape.elements() == elements(), "reshape: ", shape_, " to ", shape, " changes the number of elements");
  Tensor same = *this;
  same.shape_ = shape;
  return same;
}

Tensor Tensor::clone() const {
  Tensor copy(shape_, device_);
  std::copy_n(data(), elements(), copy.data());
  return copy;
}

}  // namespace engine
