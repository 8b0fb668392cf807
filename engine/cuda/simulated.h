#pragma once

#include <functional>

// A GPU played by the CPU, for tests where there is none (-D DEMIX_CUDA=simulated). Our own kernels are the same code
// as on a GPU; what cuBLAS and cuDNN would do the CPU's kernels do. Its memory can be touched only while a kernel runs:
// a program that mistakes it for its own crashes, as it would with a GPU.
namespace engine::cuda::simulated {

/// Begins work: it is done when somebody waits for it, as late as can be, so that a test sees who does not; or it is
/// recorded.
void begin(std::function<void()> work);

}  // namespace engine::cuda::simulated
