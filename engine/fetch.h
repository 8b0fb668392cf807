#pragma once

#include <memory>

#include "engine/tensor.h"

namespace engine {

namespace cuda {
class Download;
}

/// A tensor's values on their way to the CPU, as they are once the work that was begun before is done. Nobody waits for
/// them before they are asked for, and what is begun later may overwrite the tensor.
class Fetch {
 public:
  Fetch() = default;
  explicit Fetch(const Tensor& tensor);

  /// On the CPU.
  const Tensor& get();

 private:
  Tensor here_;
  std::shared_ptr<cuda::Download> coming_;
};

}  // namespace engine
