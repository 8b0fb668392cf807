#include "engine/memory.h"

#include <malloc.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstdlib>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "engine/error.h"

namespace engine::memory {
namespace {

constexpr size_t huge_page = size_t{2} << 20;

class Pool {
 public:
  float* take(size_t bytes) {
    {
      const std::lock_guard lock(mutex_);
      usage_.live += static_cast<int64_t>(bytes);
      usage_.peak = std::max(usage_.peak, usage_.live);
      std::vector<float*>& blocks = unused_[bytes];
      if (!blocks.empty()) {
        float* block = blocks.back();
        blocks.pop_back();
        return block;
      }
      usage_.held += static_cast<int64_t>(bytes);
    }
    void* block = nullptr;
    const bool large = bytes >= huge_page;
    if (posix_memalign(&block, large ? huge_page : 64, bytes) != 0) {
      const std::lock_guard lock(mutex_);
      usage_.live -= static_cast<int64_t>(bytes);
      usage_.held -= static_cast<int64_t>(bytes);
      throw OutOfMemory(text("out of memory: asked for ", (bytes + 1023) >> 10, " KiB with ", usage_.held >> 20,
                             " MiB already held; a smaller batch needs less"));
    }
    if (large) madvise(block, bytes, MADV_HUGEPAGE);
    return static_cast<float*>(block);
  }

  void give_back(float* block, size_t bytes) {
    const std::lock_guard lock(mutex_);
    usage_.live -= static_cast<int64_t>(bytes);
    unused_[bytes].push_back(block);
  }

  void release_unused() {
    const std::lock_guard lock(mutex_);
    for (auto& [bytes, blocks] : unused_) {
      for (float* block : blocks) std::free(block);
      usage_.held -= static_cast<int64_t>(bytes * blocks.size());
      blocks.clear();
    }
    malloc_trim(0);  // else the C library keeps what it had no own mapping for
  }

  Usage usage() {
    const std::lock_guard lock(mutex_);
    return usage_;
  }

 private:
  std::mutex mutex_;
  std::unordered_map<size_t, std::vector<float*>> unused_;
  Usage usage_;
};

// Never destroyed: tensors that are globals may outlive any order of destruction.
Pool& pool() {
  static Pool* instance = new Pool;
  return *instance;
}

std::optional<float> new_block_fill;

}  // namespace

std::shared_ptr<float[]> allocate(int64_t count) {
  const size_t bytes = std::max<size_t>(1, static_cast<size_t>(count)) * sizeof(float);
  float* block = pool().take(bytes);
  if (new_block_fill) std::fill_n(block, bytes / sizeof(float), *new_block_fill);
  return {block, [bytes](float* unused) { pool().give_back(unused, bytes); }};
}

Usage usage() { return pool().usage(); }

void release_unused() { pool().release_unused(); }

void fill_new_blocks(std::optional<float> value) { new_block_fill = value; }

}  // namespace engine::memory
