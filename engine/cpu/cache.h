#pragma once

#include <optional>

#include "engine/cpu/vector.h"
#include "engine/tensor.h"

namespace engine::cpu {

/// Whether a result is so large that it would have left the cache before it is read: then it is best written past it,
/// by store_past_cache().
bool outgrows_cache(const Tensor& result);

/// From now on results above so many bytes outgrow the cache, for tests; without a value, what the machine has decides.
void set_cache_limit(std::optional<int64_t> bytes);

/// store() to an aligned place that nobody reads soon: memory is written without being read first, and nothing is
/// thrown out of the cache for it. Other threads see it once the chunk of parallel_for is done: taking the next one is
/// a locked instruction, which waits for what is under way.
inline void store_past_cache(float* to, Vector values) {
#if defined(__clang__)
  __builtin_nontemporal_store(values, reinterpret_cast<Vector*>(to));
#elif defined(__AVX512F__)
  __builtin_ia32_movntps512(to, values);
#elif defined(__AVX__)
  __builtin_ia32_movntps256(to, values);
#elif defined(__SSE__)
  __builtin_ia32_movntps(to, values);
#else
  store(to, values);
#endif
}

/// How a result is written: over what was there, the same past the cache, or added to it.
enum class Write { over, past_cache, add };

/// The fastest way for a convolution to write a result of which it computes runs of `run` numbers.
inline Write way_to_write(const Tensor& result, int64_t run, bool add) {
  if (add) return Write::add;
  constexpr int64_t long_run = 64;  // shorter ones, and vectors that are no whole cache line, are slow past the cache
  return lanes == 16 && run % long_run == 0 && outgrows_cache(result) ? Write::past_cache : Write::over;
}

inline void store(float* to, Vector values, Write write) {
  if (write == Write::past_cache) store_past_cache(to, values);
  else store(to, write == Write::add ? load(to) + values : values);
}

}  // namespace engine::cpu
