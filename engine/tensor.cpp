#include "engine/tensor.h"

#include <algorithm>

namespace engine {

Tensor::Tensor(Shape shape, Device device, DType type)
    : shape_(shape), dtype_(type), memory_(std::make_shared<memory::Block>(bytes(), device)) {}

Tensor Tensor::full(Shape shape, float value, Device device) {
  Tensor tensor(shape, device);
  fill(tensor.data(), device, tensor.elements(), value);
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
  return to_vector()[0];
}

std::vector<float> Tensor::to_vector() const {
  const Tensor here = to(Device::cpu);
  std::vector<float> values(static_cast<size_t>(elements()));
  by_type(dtype_, [&](auto zero) { std::copy_n(here.as<decltype(zero)>(), elements(), values.begin()); });
  return values;
}

Tensor Tensor::reshaped(Shape shape) const {
  ENSURE(shape.elements() == elements(), "reshape: ", shape_, " to ", shape, " changes the number of elements");
  Tensor same = *this;
  same.shape_ = shape;
  return same;
}

Tensor Tensor::clone() const {
  Tensor copy = like(*this);
  copy.copy_from(*this);
  return copy;
}

Tensor Tensor::to(Device device) const {
  if (!defined() || this->device() == device) return *this;
  Tensor there(shape_, device, dtype_);
  there.copy_from(*this);
  return there;
}

void Tensor::copy_from(const Tensor& other) {
  ENSURE(elements() == other.elements(), "tensor: values of shape ", other.shape_, " for shape ", shape_);
  ENSURE(dtype_ == other.dtype_, "tensor: values of another type");
  copy_bytes(other.address(), other.device(), address(), device(), bytes());
}

void Tensor::wrong_type() const {
  fail("tensor: ", shape_, " is ", dtype_ == DType::bf16 ? "bfloat16" : "float32", " where the other type is needed");
}

void Tensor::move_to(Device device) {
  if (!defined() || this->device() == device) return;
  const Tensor there = to(device);
  swap(*memory_, *there.memory_);
}

}  // namespace engine
