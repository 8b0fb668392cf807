#include "engine/cuda/libraries.h"
#include "engine/cuda/linear_bias.h"
#include "engine/kernels.h"

namespace engine::cuda {
namespace {

/// A matrix or its transpose.
struct Factor {
  const Tensor& matrix;
  bool transposed = false;

  int64_t columns() const { return matrix.shape()[transposed ? 0 : 1]; }
  cublasOperation_t operation() const { return transposed ? CUBLAS_OP_T : CUBLAS_OP_N; }
};

/// c = a b + beta c. To cuBLAS, which counts along columns, each matrix is its transpose: c^T = b^T a^T + beta c^T.
void multiply(const Factor& a, const Factor& b, float beta, Tensor& c) {
  const auto sgemm = [&] {
    const float one = 1;
    const int64_t rows = c.shape()[0], columns = c.shape()[1];
    return cublas().sgemm(cublas_handle(), b.operation(), a.operation(), columns, rows, a.columns(), &one,
                          b.matrix.data(), b.matrix.shape()[1], a.matrix.data(), a.matrix.shape()[1], &beta, c.data(),
                          columns);
  };
  CUBLAS_CHECK(sgemm(), "linear: ", a.matrix.shape(), a.transposed ? "^T " : " ", b.matrix.shape(),
               b.transposed ? "^T" : "", " to ", c.shape());
}

}  // namespace

void linear(const Tensor& x, const Tensor& weight, const Tensor& bias, Tensor& y) {
  fill_rows(bias, y);
  multiply({x}, {weight, true}, 1, y);
}

void linear_backward_data(const Tensor& dy, const Tensor& weight, Tensor& dx) { multiply({dy}, {weight}, 0, dx); }

void linear_backward_weight(const Tensor& dy, const Tensor& x, Tensor& dweight) {
  multiply({dy, true}, {x}, 0, dweight);
}

}  // namespace engine::cuda
