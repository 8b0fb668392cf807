#pragma once

#include <cstdint>

namespace engine::cpu {

/// A row-major matrix inside memory of somebody else: row r starts at data + r * stride.
template <class Float>
struct Matrix {
  Float* data;
  int64_t rows, cols, stride;
};

// The three products, on the calling thread alone.

/// c = a b
void multiply(Matrix<const float> a, Matrix<const float> b, Matrix<float> c);
/// c = a b^T
void multiply_transposed(Matrix<const float> a, Matrix<const float> b, Matrix<float> c);
/// c = a^T b
void transposed_multiply(Matrix<const float> a, Matrix<const float> b, Matrix<float> c);

}  // namespace engine::cpu
