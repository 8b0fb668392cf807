#include "engine/memory.h"

#include <malloc.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstdlib>
#include <mutex>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#ifdef DEMIX_CUDA
#include "engine/cuda/runtime.h"
#endif

namespace engine::memory {
namespace {

constexpr size_t huge_page = size_t{2} << 20;

/// Where a pool has its memory from, and what that is called.
struct Source {
  void* (*take)(size_t bytes);  // null where there is no more
  void (*give_back)(void* block);
  const char* name;
};

const Source system_memory{[](size_t bytes) {
                             void* block = nullptr;
                             const bool large = bytes >= huge_page;
                             if (posix_memalign(&block, large ? huge_page : 64, bytes) != 0) return block = nullptr;
                             if (large) madvise(block, bytes, MADV_HUGEPAGE);
                             return block;
                           },
                           std::free, "memory"};

class Pool {
 public:
  explicit Pool(const Source& source) : source_(source) {}

  void* take(size_t bytes) {
    {
      const std::lock_guard lock(mutex_);
      usage_.live += static_cast<int64_t>(bytes);
      std::vector<void*>& blocks = (for_recording_ ? recorded_unused_ : unused_)[bytes];
      if (!blocks.empty()) {
        void* block = blocks.back();
        blocks.pop_back();
        usage_.peak = std::max(usage_.peak, usage_.live);
        return block;
      }
      usage_.held += static_cast<int64_t>(bytes);
    }
    void* block = source_.take(bytes);
    if (!block && !for_recording_) {  // other sizes may lie unused
      release_unused();
      block = source_.take(bytes);
    }
    const std::lock_guard lock(mutex_);
    if (block) {
      if (for_recording_) recorded_.insert(block);
      usage_.peak = std::max(usage_.peak, usage_.live);
      return block;
    }
    usage_.live -= static_cast<int64_t>(bytes);
    usage_.held -= static_cast<int64_t>(bytes);
    throw OutOfMemory(text("out of ", source_.name, ": asked for ", (bytes + 1023) >> 10, " KiB with ",
                           usage_.held >> 20, " MiB already held; a smaller batch needs less"));
  }

  void give_back(void* block, size_t bytes) {
    const std::lock_guard lock(mutex_);
    usage_.live -= static_cast<int64_t>(bytes);
    (recorded_.contains(block) ? recorded_unused_ : unused_)[bytes].push_back(block);
  }

  void set_for_recording(bool on) {
    const std::lock_guard lock(mutex_);
    for_recording_ = on;
  }

  void release_unused() {
    const std::lock_guard lock(mutex_);
    for (auto& [bytes, blocks] : unused_) {
      for (void* block : blocks) source_.give_back(block);
      usage_.held -= static_cast<int64_t>(bytes * blocks.size());
      blocks.clear();
    }
  }

  Usage usage() {
    const std::lock_guard lock(mutex_);
    return usage_;
  }

 private:
  const Source source_;
  std::mutex mutex_;
  std::unordered_map<size_t, std::vector<void*>> unused_, recorded_unused_;
  std::unordered_set<const void*> recorded_;  // blocks that only recordings use
  bool for_recording_ = false;
  Usage usage_;
};

// Never destroyed: tensors that are globals may outlive any order of destruction.
Pool& pool(Device device) {
  static Pool* system = new Pool(system_memory);
#ifdef DEMIX_CUDA
  static Pool* gpu = new Pool({cuda::allocate, cuda::release, "memory of the GPU"});
  if (device == Device::cuda) return *gpu;
#endif
  (void)device;
  return *system;
}

std::optional<float> new_block_fill;

}  // namespace

Block::Block(int64_t size, Device on)
    : data(nullptr), bytes(std::max(sizeof(float), static_cast<size_t>(size))), device(on) {
  require_device(device);
  data = pool(device).take(bytes);
  if (!new_block_fill) return;
  const std::vector<float> fill(bytes / sizeof(float) + 1, *new_block_fill);
  copy_bytes(fill.data(), Device::cpu, data, device, static_cast<int64_t>(bytes));
}

Block::~Block() { pool(device).give_back(data, bytes); }

void swap(Block& a, Block& b) noexcept {
  std::swap(a.data, b.data);
  std::swap(a.bytes, b.bytes);
  std::swap(a.device, b.device);
}

ForRecording::ForRecording() { pool(Device::cuda).set_for_recording(true); }
ForRecording::~ForRecording() { pool(Device::cuda).set_for_recording(false); }

Usage usage(Device device) { return pool(device).usage(); }

void release_unused(Device device) {
  pool(device).release_unused();
  if (device == Device::cpu) malloc_trim(0);  // else the C library keeps what it had no own mapping for
}

void release_unused() {
  release_unused(Device::cpu);
#ifdef DEMIX_CUDA
  release_unused(Device::cuda);
#endif
}

void fill_new_blocks(std::optional<float> value) { new_block_fill = value; }

}  // namespace engine::memory
