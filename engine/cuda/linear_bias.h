#pragma once

#include "engine/tensor.h"

namespace engine::cuda {

/// Each row of y (n, c) becomes the row (c).
void fill_rows(const Tensor& row, Tensor& y);

}  // namespace engine::cuda
