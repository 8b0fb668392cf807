#include "engine/cpu/gemm.h"

#define EIGEN_DONT_PARALLELIZE
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wuninitialized"  // gcc 12 warns falsely inside its own AVX-512 intrinsics
#ifndef __clang__
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#include <Eigen/Core>

namespace engine::cpu {
namespace {

using Dense = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

Eigen::Map<const Dense, 0, Eigen::OuterStride<>> map(Matrix<const float> m) {
  // Eigen blocks a product by the cache sizes it finds; with fixed ones the last bits do not depend on them.
  [[maybe_unused]] static const bool pinned = [] {
    Eigen::setCpuCacheSizes(32 << 10, 1 << 20, 8 << 20);
    return true;
  }();
  return {m.data, m.rows, m.cols, Eigen::OuterStride<>(m.stride)};
}

template <class Product>
void store(const Product& product, Matrix<float> m) {
  Eigen::Map<Dense, 0, Eigen::OuterStride<>> c(m.data, m.rows, m.cols, Eigen::OuterStride<>(m.stride));
  c.noalias() = product;
}

}  // namespace

void multiply(Matrix<const float> a, Matrix<const float> b, Matrix<float> c) { store(map(a) * map(b), c); }

void multiply_transposed(Matrix<const float> a, Matrix<const float> b, Matrix<float> c) {
  store(map(a) * map(b).transpose(), c);
}

void transposed_multiply(Matrix<const float> a, Matrix<const float> b, Matrix<float> c) {
  store(map(a).transpose() * map(b), c);
}

}  // namespace engine::cpu

#pragma GCC diagnostic pop
