#pragma once

#include <memory>
#include <vector>

#include "engine/shape.h"

namespace engine {

enum class Device { cpu, cuda };

/// Throws an Error that says what to do where this build or machine has no such device.
void require_device(Device device);

/// A dense contiguous block of float32 on a device, images as (n, h, w, c). Copying the handle shares the memory.
class Tensor {
 public:
  Tensor() = default;                                         // no memory: defined() is false
  explicit Tensor(Shape shape, Device device = Device::cpu);  // uninitialised, from the pool

  static Tensor full(Shape shape, float value);
  static Tensor zeros(Shape shape) { return full(shape, 0); }
  static Tensor from(Shape shape, const std::vector<float>& values);

  bool defined() const { return memory_ != nullptr; }
  const Shape& shape() const { return shape_; }
  Device device() const { return device_; }
  int64_t elements() const { return shape_.elements(); }
  float* data() { return memory_.get(); }
  const float* data() const { return memory_.get(); }
  float item() const;  // the one element

  bool unique() const { return memory_.use_count() == 1; }  // nobody else sees a change
  Tensor reshaped(Shape shape) const;                       // same memory
  Tensor clone() const;                                     // same values, memory of its own
  std::vector<float> to_vector() const { return {data(), data() + elements()}; }

 private:
  Shape shape_;
  Device device_ = Device::cpu;
  std::shared_ptr<float[]> memory_;
};

}  // namespace engine
