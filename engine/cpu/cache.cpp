#include "engine/cpu/cache.h"

#include <unistd.h>

#include <algorithm>
#include <thread>

namespace engine::cpu {
namespace {

/// Bytes of cache that all threads together can count on.
int64_t cache_bytes() {
  const int64_t cores = std::max(1u, std::thread::hardware_concurrency());
  const int64_t second = cores * std::max(0L, sysconf(_SC_LEVEL2_CACHE_SIZE)),
                last = std::max(0L, sysconf(_SC_LEVEL3_CACHE_SIZE));
  // No processor has more than this for a core: a virtual machine tells of a cache that it shares with many others.
  constexpr int64_t most = int64_t{16} << 20;
  const int64_t known = last <= cores * most ? std::max(second, last) : second;
  return known > 0 ? known : int64_t{32} << 20;
}

}  // namespace

bool outgrows_cache(const Tensor& result) {
  static const int64_t limit = cache_bytes() / 4 * 3;
  return result.elements() * static_cast<int64_t>(sizeof(float)) > limit;
}

}  // namespace engine::cpu
