#include "engine/cuda/simulated.h"

#include <sys/mman.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <mutex>

#include "engine/cuda/runtime.h"
#include "engine/error.h"
#include "engine/kernels.h"

namespace engine::cuda {
namespace {

/// A range of addresses of which ever more is handed out; what is given back gives its pages back and no addresses.
class Arena {
 public:
  Arena() {
    void* all = mmap(nullptr, size + huge_page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    ENSURE(all != MAP_FAILED, "simulated GPU: ", std::strerror(errno));
    size_t room = size + huge_page;
    begin_ = static_cast<char*>(std::align(huge_page, size, all, room));
    madvise(begin_, size, MADV_HUGEPAGE);  // which are opened and closed faster
  }

  void* allocate(size_t bytes) {
    const std::lock_guard lock(mutex_);
    constexpr size_t page = 4096;
    const size_t whole = (bytes + page - 1) / page * page;
    if (whole > size - used_) return nullptr;
    char* block = begin_ + used_;
    used_ += whole;
    return block;
  }

  void enter() {
    const std::lock_guard lock(mutex_);
    if (inside_++ == 0) protect(PROT_READ | PROT_WRITE);
  }

  void leave() {
    const std::lock_guard lock(mutex_);
    if (--inside_ == 0) protect(PROT_NONE);
  }

 private:
  void protect(int access) {
    const size_t open = (used_ + huge_page - 1) / huge_page * huge_page;
    ENSURE(mprotect(begin_, open, access) == 0, "simulated GPU: ", std::strerror(errno));
  }

  static constexpr size_t huge_page = size_t{2} << 20, size = size_t{256} << 30;
  std::mutex mutex_;
  char* begin_;
  size_t used_ = 0;
  int inside_ = 0;
};

Arena& arena() {
  static Arena* made = new Arena;  // never destroyed, like the pool
  return *made;
}

}  // namespace

simulated::Running::Running() { arena().enter(); }
simulated::Running::~Running() { arena().leave(); }

std::string trouble() { return ""; }
Gpu gpu() { return {"simulated GPU", int64_t{1} << 30, int64_t{1} << 30}; }
void* allocate(size_t bytes) { return arena().allocate(bytes); }
void release(void*) {}
void synchronize() {}

void copy(const void* from, bool, void* to, bool, size_t bytes) {
  const simulated::Running running;
  std::memcpy(to, from, bytes);
}

// In place of cuDNN.

void conv2d(const Tensor& x, const Tensor& weight, const Conv2dSpec& spec, Tensor& y) {
  const simulated::Running running;
  cpu::conv2d(x, weight, spec, y);
}

void conv2d_backward_data(const Tensor& dy, const Tensor& weight, const Conv2dSpec& spec, bool accumulate, Tensor& dx) {
  const simulated::Running running;
  cpu::conv2d_backward_data(dy, weight, spec, accumulate, dx);
}

void conv2d_backward_weight(const Tensor& dy, const Tensor& x, const Conv2dSpec& spec, Tensor& dweight) {
  const simulated::Running running;
  cpu::conv2d_backward_weight(dy, x, spec, dweight);
}

// In place of cuBLAS.

void linear(const Tensor& x, const Tensor& weight, const Tensor& bias, Tensor& y) {
  const simulated::Running running;
  cpu::linear(x, weight, bias, y);
}

void linear_backward_data(const Tensor& dy, const Tensor& weight, Tensor& dx) {
  const simulated::Running running;
  cpu::linear_backward_data(dy, weight, dx);
}

void linear_backward_weight(const Tensor& dy, const Tensor& x, Tensor& dweight) {
  const simulated::Running running;
  cpu::linear_backward_weight(dy, x, dweight);
}

}  // namespace engine::cuda
