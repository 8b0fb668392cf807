#pragma once

#include <functional>

// A GPU played by the CPU, for tests where there is none (-D DEMIX_CUDA=simulated). Our own kernels are the same code
// as on a GPU; what cuBLAS and cuDNN would do the CPU's kernels do. Its memory can be touched only while a kernel runs:
// a program that mistakes it for its own crashes, as it would with a GPU.
namespace engine::cuda::simulated {

/// While one lives the memory can be touched.
class Running {
 public:
  Running();
  ~Running();
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;
};

/// Whether work is recorded now, and not done.
bool recording();

/// Adds to what is recorded.
void record(std::function<void()> work);

}  // namespace engine::cuda::simulated
