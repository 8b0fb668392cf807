#include "engine/fetch.h"

#include <cstring>
#ifdef DEMIX_CUDA
#include "engine/cuda/runtime.h"
#endif

namespace engine {

#ifdef DEMIX_CUDA

Fetch::Fetch(const Tensor& tensor) {
  if (tensor.device() == Device::cpu) {
    here_ = tensor.clone();
  } else {
    here_ = Tensor(tensor.shape(), Device::cpu, tensor.dtype());
    coming_ = std::make_shared<cuda::Download>(tensor.address(), static_cast<size_t>(tensor.bytes()));
  }
}

const Tensor& Fetch::get() {
  if (coming_) std::memcpy(here_.address(), coming_->wait(), static_cast<size_t>(here_.bytes()));
  coming_ = nullptr;
  return here_;
}

#else

Fetch::Fetch(const Tensor& tensor) : here_(tensor.clone()) {}
const Tensor& Fetch::get() { return here_; }

#endif

}  // namespace engine
