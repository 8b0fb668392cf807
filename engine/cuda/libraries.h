#pragma once

#include <cublas_v2.h>
#include <cudnn_graph.h>

#include <string>

#include "engine/cuda/check.h"

// cuBLAS and cuDNN are opened when they are first needed: linked, they would cost every program 130 ms at its start and
// half a gigabyte of address space, and it would not start where they are missing.

/// Calls cuBLAS; an Error with the call, its text and the other parts, such as shapes, where it fails.
#define CUBLAS_CHECK(call, ...)                                                  \
  do {                                                                           \
    const cublasStatus_t result = (call);                                        \
    ENSURE(result == CUBLAS_STATUS_SUCCESS, "cublas: ", #call, ": ",             \
           ::engine::cuda::cublas_text(result) __VA_OPT__(, ": ", __VA_ARGS__)); \
  } while (false)

/// Calls cuDNN; an Error with the call, its text and the other parts, such as shapes, where it fails.
#define CUDNN_CHECK(call, ...)                                                  \
  do {                                                                          \
    const cudnnStatus_t result = (call);                                        \
    ENSURE(result == CUDNN_STATUS_SUCCESS, "cudnn: ", #call, ": ",              \
           ::engine::cuda::cudnn_text(result) __VA_OPT__(, ": ", __VA_ARGS__)); \
  } while (false)

namespace engine::cuda {

/// A shared library, which stays open. `product` is what one installs to have it.
class Library {
 public:
  Library(const std::string& file, const std::string& product);

  /// The address of a function; an Error where there is none.
  void* find(const char* function) const;

 private:
  std::string file_, product_;
  void* handle_ = nullptr;
};

/// A member that points to a function of the library, found when the struct is made.
#define DEMIX_FUNCTION(name, function) \
  decltype(&::function) name = reinterpret_cast<decltype(&::function)>(library.find(#function))

/// The functions of cuBLAS that are used.
struct Cublas {
  Library library{text("libcublas.so.", CUBLAS_VER_MAJOR), text("cuBLAS ", CUBLAS_VER_MAJOR)};

  DEMIX_FUNCTION(status_text, cublasGetStatusString);
  DEMIX_FUNCTION(create, cublasCreate_v2);
  DEMIX_FUNCTION(set_stream, cublasSetStream_v2);
  DEMIX_FUNCTION(set_workspace, cublasSetWorkspace_v2);
  DEMIX_FUNCTION(set_math_mode, cublasSetMathMode);
  DEMIX_FUNCTION(sgemm, cublasSgemm_v2_64);
};

/// The functions of cuDNN that are used.
struct Cudnn {
  Library library{text("libcudnn.so.", CUDNN_MAJOR), text("cuDNN ", CUDNN_MAJOR)};

  DEMIX_FUNCTION(status_text, cudnnGetErrorString);
  DEMIX_FUNCTION(last_error, cudnnGetLastErrorString);
  DEMIX_FUNCTION(create, cudnnCreate);
  DEMIX_FUNCTION(set_stream, cudnnSetStream);
  DEMIX_FUNCTION(create_descriptor, cudnnBackendCreateDescriptor);
  DEMIX_FUNCTION(destroy_descriptor, cudnnBackendDestroyDescriptor);
  DEMIX_FUNCTION(set_attribute, cudnnBackendSetAttribute);
  DEMIX_FUNCTION(get_attribute, cudnnBackendGetAttribute);
  DEMIX_FUNCTION(finalize, cudnnBackendFinalize);
  DEMIX_FUNCTION(execute, cudnnBackendExecute);
};

#undef DEMIX_FUNCTION

/// The libraries, opened by the first call; an Error that says what to do where there is none. This needs no GPU.
const Cublas& cublas();
const Cudnn& cudnn();

/// The libraries' handles, which put all work on stream(). That of cuBLAS has memory of its own, so that its work can
/// be captured, and multiplies as gpu_math() says now.
cublasHandle_t cublas_handle();
cudnnHandle_t cudnn_handle();

/// What a status means.
std::string cublas_text(cublasStatus_t status);
std::string cudnn_text(cudnnStatus_t status);

}  // namespace engine::cuda
