#pragma once

#include <cstdint>
#include <functional>

namespace engine {

/// How many threads parallel_for uses, the caller among them; at first the number of cores. Not from inside a chunk.
void set_threads(int count);
int threads();

/// Calls body(begin, end) for [0, grain), [grain, 2 grain), ... up to n, on all threads, and returns when all are done.
/// The chunks depend on n and grain alone, so whatever is computed per chunk is the same for any number of threads.
/// The first exception of a chunk is thrown again here. A call from inside a chunk, or while another thread's call
/// runs, does its chunks by itself. In a chunk denormal numbers count as zero: they would cost a hundred times a normal
/// one.
void parallel_for(int64_t n, int64_t grain, const std::function<void(int64_t begin, int64_t end)>& body);

}  // namespace engine
