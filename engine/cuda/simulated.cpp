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

/// While one lives the memory can be touched.
class Running {
 public:
  Running() { arena().enter(); }
  ~Running() { arena().leave(); }
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;
};

}  // namespace

std::string trouble() { return ""; }
Gpu gpu() { return {"simulated GPU", int64_t{1} << 30, int64_t{1} << 30}; }
void* allocate(size_t bytes) { return arena().allocate(bytes); }

namespace {

using Works = std::vector<std::function<void()>>;
Works begun;  // and not done yet
std::unique_ptr<Works> recorded;
int64_t waited = 0;

/// Does all that was begun.
void finish() {
  const Running running;
  for (const auto& work : std::exchange(begun, {})) work();
}

void refuse_to_record(size_t bytes) {
  ENSURE(!recorded, "cuda: a copy of ", bytes, " bytes between CPU and GPU cannot be recorded");
}

}  // namespace

void simulated::begin(std::function<void()> work) { (recorded ? *recorded : begun).push_back(std::move(work)); }

void release(void*) { finish(); }

void start_recording() { recorded = std::make_unique<Works>(); }
void* stop_recording() { return recorded.release(); }
void drop_recording() { recorded.reset(); }

void run(void* graph) {
  simulated::begin([works = static_cast<Works*>(graph)] {
    for (const auto& work : *works) work();
  });
}

void destroy(void* graph) {
  finish();
  delete static_cast<Works*>(graph);
}

void copy(const void* from, bool from_gpu, void* to, bool to_gpu, size_t bytes) {
  if (from_gpu && to_gpu) return simulated::begin([=] { std::memcpy(to, from, bytes); });
  refuse_to_record(bytes);
  if (to_gpu) {
    const auto* first = static_cast<const char*>(from);
    return simulated::begin(
        [to, held = std::vector<char>(first, first + bytes)] { std::memcpy(to, held.data(), held.size()); });
  }
  synchronize();
  const Running running;
  std::memcpy(to, from, bytes);
}

void synchronize() {
  ++waited;
  finish();
}

int64_t waits() { return waited; }

struct Download::Place {
  std::shared_ptr<std::vector<char>> bytes;
};

Download::Download(const void* from, size_t bytes) {
  refuse_to_record(bytes);
  place_ = new Place{std::make_shared<std::vector<char>>(bytes)};
  simulated::begin([from, to = place_->bytes] { std::memcpy(to->data(), from, to->size()); });
}

Download::~Download() { delete place_; }

const void* Download::wait() {
  finish();
  return place_->bytes->data();
}

namespace {

/// Memory of the GPU by address, shape and type, as a kernel knows it that is done later.
struct Memory {
  explicit Memory(const Tensor& tensor)
      : data(const_cast<void*>(tensor.address())), shape(tensor.shape()), type(tensor.dtype()) {}

  /// In float32, with which the CPU computes.
  Tensor get() const {
    Tensor copied(shape, Device::cpu, type), here(shape);
    std::memcpy(copied.address(), data, static_cast<size_t>(copied.bytes()));
    cpu::cast(copied, here);
    return here;
  }
  void put(const Tensor& here) const {
    Tensor rounded(shape, Device::cpu, type);
    cpu::cast(here, rounded);
    std::memcpy(data, rounded.address(), static_cast<size_t>(rounded.bytes()));
  }

  void* data;
  Shape shape;
  DType type;
};

/// Begins what a library would do, with copies on the CPU: kernel(inputs..., y).
template <class Kernel, class... Inputs>
void stand_in(Tensor& y, bool reads_y, Kernel kernel, const Inputs&... inputs) {
  simulated::begin([=, to = Memory(y), ... from = Memory(inputs)] {
    Tensor result = reads_y ? to.get() : Tensor(to.shape);
    kernel(from.get()..., result);
    to.put(result);
  });
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
