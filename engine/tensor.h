#pragma once

#include <memory>
#include <vector>

#include "engine/device.h"
#include "engine/dtype.h"
#include "engine/memory.h"
#include "engine/shape.h"

namespace engine {

/// A dense contiguous block of numbers on a device, images as (n, h, w, c). Copying the handle shares the memory.
class Tensor {
 public:
  Tensor() = default;                                                                  // no memory: defined() is false
  explicit Tensor(Shape shape, Device device = Device::cpu, DType type = DType::f32);  // uninitialised, from the pool

  /// Uninitialised, on the device of another and of its type.
  static Tensor like(const Tensor& other) { return like(other, other.shape_); }
  static Tensor like(const Tensor& other, Shape shape) { return Tensor(shape, other.device(), other.dtype()); }

  static Tensor full(Shape shape, float value, Device device = Device::cpu);
  static Tensor zeros(Shape shape, Device device = Device::cpu) { return full(shape, 0, device); }
  static Tensor from(Shape shape, const std::vector<float>& values);

  bool defined() const { return memory_ != nullptr; }
  const Shape& shape() const { return shape_; }
  Device device() const { return memory_ ? memory_->device : Device::cpu; }
  DType dtype() const { return dtype_; }
  int64_t elements() const { return shape_.elements(); }
  int64_t bytes() const { return elements() * size_of(dtype_); }

  /// Where the elements are, which have to be of that type; on another device the CPU must not look there.
  float* data() { return as<float>(); }
  const float* data() const { return as<float>(); }
  template <class T>
  T* as() {
    if (memory_ && dtype_ != dtype_of<T>) wrong_type();
    return static_cast<T*>(address());
  }
  template <class T>
  const T* as() const {
    return const_cast<Tensor*>(this)->as<T>();
  }
  void* address() { return memory_ ? memory_->data : nullptr; }  // whatever their type
  const void* address() const { return memory_ ? memory_->data : nullptr; }

  bool unique() const { return memory_.use_count() == 1; }  // nobody else sees a change
  Tensor reshaped(Shape shape) const;                       // same memory
  Tensor clone() const;                                     // same values, memory of its own
  Tensor to(Device device) const;                           // the same values there; itself if it is there already
  void copy_from(const Tensor& other);                      // the values of one as large of its type, on any device
  void move_to(Device device);                              // takes all handles that share the memory along

  float item() const;  // the one element
  std::vector<float> to_vector() const;

 private:
  [[noreturn]] void wrong_type() const;

  Shape shape_;
  DType dtype_ = DType::f32;
  std::shared_ptr<memory::Block> memory_;
};

using Tensors = std::vector<Tensor>;

}  // namespace engine
