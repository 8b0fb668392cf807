#pragma once

#include "engine/kernels.h"

namespace engine::cuda {

/// The tensor itself, or a copy of another type.
inline Tensor converted(const Tensor& x, DType type) {
  if (x.dtype() == type) return x;
  Tensor y(x.shape(), Device::cuda, type);
  cast(x, y);
  return y;
}

}  // namespace engine::cuda
