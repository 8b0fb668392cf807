#pragma once

#include <algorithm>
#include <cstdint>

#include "engine/host_device.h"
#if defined(__CUDACC__)
#include "engine/cuda/check.h"
#else
#include "engine/cuda/simulated.h"
#endif

// The one way in which our own kernels run: a body for every index, all at once and in no order. Compiled for a GPU
// each index is a thread; compiled for the CPU it is a loop, so that every kernel can be tested where there is no GPU.
//
//   each(y.elements(), [=] DEMIX_DEVICE(int64_t i) { y[i] = a[i] + b[i]; });

namespace engine::cuda {

#if defined(__CUDACC__)

template <class Body>
__global__ void run_each(int64_t n, const __grid_constant__ Body body) {
  const int64_t threads = int64_t{gridDim.x} * blockDim.x;
  for (int64_t i = int64_t{blockIdx.x} * blockDim.x + threadIdx.x; i < n; i += threads) body(i);
}

template <class Body>
void each(int64_t n, const Body& body) {
  constexpr int64_t block = 256, most_blocks = 1 << 20;
  if (n == 0) return;
  run_each<<<static_cast<unsigned>(std::min(most_blocks, (n + block - 1) / block)), block, 0, stream()>>>(n, body);
  CUDA_CHECK(cudaGetLastError());
}

#else

template <class Body>
void each(int64_t n, const Body& body) {
  simulated::begin([n, body] {
    for (int64_t i = n - 1; i >= 0; --i) body(i);
  });
}

#endif

}  // namespace engine::cuda
