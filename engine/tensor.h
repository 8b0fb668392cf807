#pragma once

#include <memory>
#include <vector>

#include "engine/device.h"
#include "engine/memory.h"
#include "engine/shape.h"

namespace engine {

/// A dense contiguous block of float32 on a device, images as (n, h, w, c). Copying the handle shares the memory.
class Tensor {
 public:
  Tensor() = default;                                         // no memory: defined() is false
  explicit Tensor(Shape shape, Device device = Device::cpu);  // uninitialised, from the pool

  static Tensor full(Shape shape, float value, Device device = Device::cpu);
  static Tensor zeros(Shape shape, Device device = Device::cpu) { return full(shape, 0, device); }
  static Tensor from(Shape shape, const std::vector<float>& values);

  bool defined() const { return memory_ != nullptr; }
  const Shape& shape() const { return shape_; }
  Device device() const { return memory_ ? memory_->device : Device::cpu; }
  int64_t elements() const { return shape_.elements(); }

  /// Where the elements are; on another device the CPU must not look there.
  float* data() { return memory_ ? memory_->data : nullptr; }
  const float* data() const { return memory_ ? memory_->data : nullptr; }

  bool unique() const { return memory_.use_count() == 1; }  // nobody else sees a change
  Tensor reshaped(Shape shape) const;                       // same memory
  Tensor clone() const;                                     // same values, memory of its own
  Tensor to(Device device) const;                           // the same values there; itself if it is there already
  void copy_from(const Tensor& other);                      // the values of a tensor of as many elements, on any device
  void move_to(Device device);                              // takes all handles that share the memory along

  float item() const;  // the one element
  std::vector<float> to_vector() const;

 private:
  Shape shape_;
  std::shared_ptr<memory::Block> memory_;
};

}  // namespace engine
