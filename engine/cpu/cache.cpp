#include "engine/cpu/cache.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <thread>

#include "engine/parallel.h"

namespace engine::cpu {
namespace {

/// Bytes of cache that all threads together can count on.
int64_t cache_bytes() {
  static const int64_t second = std::max(0L, sysconf(_SC_LEVEL2_CACHE_SIZE)),
                       last = std::max(0L, sysconf(_SC_LEVEL3_CACHE_SIZE)),
                       cores = std::max(1u, std::thread::hardware_concurrency());
  // Few processors have more than this for a core: a virtual machine tells of a cache that it shares with many others.
  constexpr int64_t most = int64_t{16} << 20;
  const int64_t known = std::max(threads() * second, last <= cores * most ? last : 0);
  return known > 0 ? known : int64_t{32} << 20;
}

std::atomic<int64_t> limit_of_tests{-1};

}  // namespace

bool outgrows_cache(const Tensor& result) {
  const int64_t limit = limit_of_tests >= 0 ? limit_of_tests.load() : cache_bytes() / 4 * 3;
  return result.elements() * static_cast<int64_t>(sizeof(float)) > limit;
}

void set_cache_limit(std::optional<int64_t> bytes) { limit_of_tests = bytes.value_or(-1); }

}  // namespace engine::cpu
