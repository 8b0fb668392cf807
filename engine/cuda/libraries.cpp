#include "engine/cuda/libraries.h"

#include <dlfcn.h>

#include "engine/memory.h"

namespace engine::cuda {

Library::Library(const std::string& file, const std::string& product) : file_(file), product_(product) {
  std::string trouble;
  const auto open = [&](const std::string& path) {
    handle_ = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (!handle_) trouble += text(trouble.empty() ? "" : "; ", dlerror());
  };
  open(file_);
#ifdef DEMIX_CUDA_LIBRARIES
  if (!handle_) open(text(DEMIX_CUDA_LIBRARIES, '/', file_));
#endif
  ENSURE(handle_, "cuda: ", file_, " cannot be opened (", trouble, "); install ", product_,
         " or add its folder to LD_LIBRARY_PATH, or use --device cpu");
}

void* Library::find(const char* function) const {
  void* address = dlsym(handle_, function);
  ENSURE(address, "cuda: ", file_, " has no ", function, " (", dlerror(), "); install a newer ", product_,
         " or use --device cpu");
  return address;
}

const Cublas& cublas() {
  static const Cublas functions;
  return functions;
}

const Cudnn& cudnn() {
  static const Cudnn functions;
  return functions;
}

cublasHandle_t cublas_handle() {
  static const cublasHandle_t handle = [] {
    cublasHandle_t made;
    CUBLAS_CHECK(cublas().create(&made));
    CUBLAS_CHECK(cublas().set_stream(made, stream()));
    // After the stream, which takes the workspace away.
    const auto* workspace = new memory::Block(int64_t{32} << 20, Device::cuda);  // for ever, like the handle
    CUBLAS_CHECK(cublas().set_workspace(made, workspace->data, workspace->bytes));
    return made;
  }();
  CUBLAS_CHECK(cublas().set_math_mode(handle, gpu_math().tf32 ? CUBLAS_TF32_TENSOR_OP_MATH : CUBLAS_DEFAULT_MATH));
  return handle;
}

cudnnHandle_t cudnn_handle() {
  static const cudnnHandle_t handle = [] {
    cudnnHandle_t made;
    CUDNN_CHECK(cudnn().create(&made));
    CUDNN_CHECK(cudnn().set_stream(made, stream()));
    return made;
  }();
  return handle;
}

std::string cublas_text(cublasStatus_t status) { return cublas().status_text(status); }

std::string cudnn_text(cudnnStatus_t status) {
  char last[512] = "";
  cudnn().last_error(last, sizeof last);
  return text(cudnn().status_text(status), *last ? " (" : "", last, *last ? ")" : "");
}

}  // namespace engine::cuda
