#include <algorithm>

#include "engine/cpu/gemm.h"
#include "engine/kernels.h"
#include "engine/parallel.h"

namespace engine::cpu {
namespace {

constexpr int64_t rows_per_chunk = 64;

Matrix<const float> rows(const Tensor& t, int64_t begin, int64_t end) {
  const int64_t cols = t.shape().last();
  return {t.data() + begin * cols, end - begin, cols, cols};
}

Matrix<float> rows(Tensor& t, int64_t begin, int64_t end) {
  const int64_t cols = t.shape().last();
  return {t.data() + begin * cols, end - begin, cols, cols};
}

}  // namespace

void linear(const Tensor& x, const Tensor& weight, const Tensor& bias, Tensor& y) {
  const int64_t oc = weight.shape()[0];
  parallel_for(x.shape()[0], rows_per_chunk, [&](int64_t begin, int64_t end) {
    multiply_transposed(rows(x, begin, end), rows(weight, 0, oc), rows(y, begin, end));
    for (int64_t i = begin; i < end; ++i) {
      for (int64_t k = 0; k < oc; ++k) y.data()[i * oc + k] += bias.data()[k];
    }
  });
}

void linear_backward_data(const Tensor& dy, const Tensor& weight, Tensor& dx) {
  parallel_for(dy.shape()[0], rows_per_chunk, [&](int64_t begin, int64_t end) {
    multiply(rows(dy, begin, end), rows(weight, 0, weight.shape()[0]), rows(dx, begin, end));
  });
}

void linear_backward_weight(const Tensor& dy, const Tensor& x, Tensor& dweight) {
  const int64_t n = dy.shape()[0], oc = dy.shape()[1];
  parallel_for(oc, rows_per_chunk, [&](int64_t begin, int64_t end) {
    transposed_multiply({dy.data() + begin, n, end - begin, oc}, rows(x, 0, n), rows(dweight, begin, end));
  });
}

void linear_backward_bias(const Tensor& dy, Tensor& dbias) {
  const int64_t n = dy.shape()[0], oc = dy.shape()[1];
  std::fill_n(dbias.data(), oc, 0.0f);
  for (int64_t i = 0; i < n; ++i) {
    for (int64_t k = 0; k < oc; ++k) dbias.data()[k] += dy.data()[i * oc + k];
  }
}

}  // namespace engine::cpu
