#include "engine/cuda/simulated.h"

#include <sys/mman.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "engine/cuda/converted.h"
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

namespace {

using Graph = std::vector<std::function<void()>>;
std::unique_ptr<Graph> recorded;
int64_t waited = 0;

void carry(const void* from, void* to, size_t bytes) {
  const simulated::Running running;
  std::memcpy(to, from, bytes);
}

}  // namespace

bool simulated::recording() { return recorded != nullptr; }
void simulated::record(std::function<void()> work) { recorded->push_back(std::move(work)); }
void start_recording() { recorded = std::make_unique<Graph>(); }
void* stop_recording() { return recorded.release(); }
void drop_recording() { recorded.reset(); }
void destroy(void* graph) { delete static_cast<Graph*>(graph); }

void run(void* graph) {
  for (const auto& work : *static_cast<Graph*>(graph)) work();
}

void copy(const void* from, bool from_gpu, void* to, bool to_gpu, size_t bytes) {
  if (simulated::recording()) {
    ENSURE(from_gpu && to_gpu, "cuda: a copy of ", bytes, " bytes between CPU and GPU cannot be recorded");
    return simulated::record([=] { copy(from, from_gpu, to, to_gpu, bytes); });
  }
  if (!to_gpu) ++waited;
  carry(from, to, bytes);
}

void synchronize() { ++waited; }
int64_t waits() { return waited; }

struct Download::Place {
  std::vector<char> bytes;
};

Download::Download(const void* from, size_t bytes) {
  ENSURE(!simulated::recording(), "cuda: a copy of ", bytes, " bytes between CPU and GPU cannot be recorded");
  place_ = new Place{std::vector<char>(bytes)};
  carry(from, place_->bytes.data(), bytes);
}

Download::~Download() { delete place_; }
const void* Download::wait() { return place_->bytes.data(); }

namespace {

/// Memory of the GPU by address, shape and type, as a recorded kernel knows it.
struct Place {
  explicit Place(const Tensor& tensor)
      : data(const_cast<void*>(tensor.address())), shape(tensor.shape()), type(tensor.dtype()) {}

  /// In float32, with which the CPU computes.
  Tensor get() const {
    Tensor copied(shape, Device::cpu, type), here(shape);
    carry(data, copied.address(), static_cast<size_t>(copied.bytes()));
    cpu::cast(copied, here);
    return here;
  }
  void put(const Tensor& here) const {
    Tensor rounded(shape, Device::cpu, type);
    cpu::cast(here, rounded);
    carry(rounded.address(), data, static_cast<size_t>(rounded.bytes()));
  }

  void* data;
  Shape shape;
  DType type;
};

/// Does now or when a recording is run what a library would do, with copies on the CPU: calls kernel(inputs..., y).
template <class Kernel, class... Inputs>
void stand_in(Tensor& y, bool reads_y, Kernel kernel, const Inputs&... inputs) {
  const auto work = [=, to = Place(y), ... from = Place(inputs)] {
    Tensor result = reads_y ? to.get() : Tensor(to.shape);
    kernel(from.get()..., result);
    to.put(result);
  };
  if (simulated::recording()) simulated::record(work);
  else work();
}

}  // namespace

// In place of cuDNN.

void conv2d(const Tensor& x, const Tensor& weight, const Conv2dSpec& spec, Tensor& y) {
  const auto kernel = [spec](const Tensor& a, const Tensor& b, Tensor& c) { cpu::conv2d(a, b, spec, c); };
  stand_in(y, false, kernel, x, converted(weight, x.dtype()));
}

void conv2d_backward_data(const Tensor& dy, const Tensor& weight, const Conv2dSpec& spec, bool accumulate, Tensor& dx) {
  const auto kernel = [spec, accumulate](const Tensor& a, const Tensor& b, Tensor& c) {
    cpu::conv2d_backward_data(a, b, spec, accumulate, c);
  };
  stand_in(dx, accumulate, kernel, dy, converted(weight, dy.dtype()));
}

void conv2d_backward_weight(const Tensor& dy, const Tensor& x, const Conv2dSpec& spec, Tensor& dweight) {
  const auto kernel = [spec](const Tensor& a, const Tensor& b, Tensor& c) {
    cpu::conv2d_backward_weight(a, b, spec, c);
  };
  if (x.dtype() == dweight.dtype()) return stand_in(dweight, false, kernel, dy, x);
  Tensor rounded(dweight.shape(), Device::cuda, x.dtype());
  stand_in(rounded, false, kernel, dy, x);
  cast(rounded, dweight);
}

// In place of cuBLAS.

void linear(const Tensor& x, const Tensor& weight, const Tensor& bias, Tensor& y) {
  stand_in(y, false, cpu::linear, x, weight, bias);
}

void linear_backward_data(const Tensor& dy, const Tensor& weight, Tensor& dx) {
  stand_in(dx, false, cpu::linear_backward_data, dy, weight);
}

void linear_backward_weight(const Tensor& dy, const Tensor& x, Tensor& dweight) {
  stand_in(dweight, false, cpu::linear_backward_weight, dy, x);
}

}  // namespace engine::cuda
