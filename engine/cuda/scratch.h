#pragma once

#include <memory>
#include <vector>

#include "engine/memory.h"

namespace engine::cuda {

/// Memory of the GPU for `count` values while a kernel works; uninitialised.
template <class T>
class Scratch {
 public:
  explicit Scratch(int64_t count) : block_(std::make_unique<memory::Block>(count * size, Device::cuda)) {}

  /// The values of a list.
  explicit Scratch(const std::vector<T>& values) : Scratch(static_cast<int64_t>(values.size())) {
    copy_bytes(values.data(), Device::cpu, data(), Device::cuda, static_cast<int64_t>(values.size()) * size);
  }

  T* data() const { return static_cast<T*>(block_->data); }

 private:
  static constexpr auto size = static_cast<int64_t>(sizeof(T));

  std::unique_ptr<memory::Block> block_;
};

}  // namespace engine::cuda
