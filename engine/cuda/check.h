#pragma once

#include <cuda_runtime.h>

#include "engine/error.h"

/// Calls the CUDA runtime; an Error with the call and CUDA's text where it fails.
#define CUDA_CHECK(call)                                                                             \
  do {                                                                                               \
    const cudaError_t cuda_result = (call);                                                          \
    ENSURE(cuda_result == cudaSuccess, "cuda: ", #call, ": ", cudaGetErrorString(cuda_result), " (", \
           cudaGetErrorName(cuda_result), ")");                                                      \
  } while (false)

namespace engine::cuda {

/// The stream on which all work of the process runs, in order.
cudaStream_t stream();

}  // namespace engine::cuda
