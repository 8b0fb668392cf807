#include "engine/probe.h"

#include <algorithm>
#include <chrono>

#include "engine/cpu/tile.h"
#include "engine/parallel.h"
#include "engine/tensor.h"

namespace engine {

using namespace cpu;

namespace {

/// Work per second of one run in which every thread does `amount`.
template <class Work>
double rate(int threads, double amount, Work work) {
  const auto start = std::chrono::steady_clock::now();
  parallel_for(threads, 1, [&](int64_t thread, int64_t) { work(thread); });
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  return 1e-9 * threads * amount / seconds.count();
}

/// Chains of multiply-adds, enough of them to hide the latency of one.
float multiply_add(int64_t steps) {
  constexpr int chains = 12;
  Vector sum[chains];
#pragma GCC unroll 12
  for (int i = 0; i < chains; ++i) sum[i] = Vector{} + static_cast<float>(i + 3);
  const Vector half = Vector{} + 0.5f, one = Vector{} + 1.0f;
  for (int64_t step = 0; step < steps; step += chains) {
#pragma GCC unroll 12
    for (int i = 0; i < chains; ++i) sum[i] = sum[i] * half + one;
  }
  Vector total{};
#pragma GCC unroll 12
  for (int i = 0; i < chains; ++i) total += sum[i];
  return total[0];
}

}  // namespace

Peaks probe(int threads) {
  const int before = engine::threads();
  set_threads(threads);
  constexpr int64_t steps = 1 << 20;
  Tensor sinks({threads, lanes});
  const auto fma = [&](int64_t thread) { sinks.data()[thread * lanes] = multiply_add(steps); };

  constexpr int V = max_vectors, R = tile_rows(V);
  constexpr int64_t rows = 48 / R * R, depth = 256, repeats = 20;
  const Tensor a = Tensor::full({threads * rows, depth}, 1), b = Tensor::full({threads * depth, V * lanes}, 1);
  Tensor c({threads * rows, V * lanes});
  const auto tile = [&](int64_t thread) {
    const float *left = a.data() + thread * rows * depth, *right = b.data() + thread * depth * V * lanes;
    float* to = c.data() + thread * rows * V * lanes;
    for (int64_t repeat = 0; repeat < repeats; ++repeat) {
      for (int64_t row = 0; row < rows; row += R) {
        gather_product<V>(
            1, depth, [=](int64_t, int r) { return left + (row + r) * depth; }, [=](int64_t) { return right; },
            [=](int r, int v) { return to + ((row + r) * V + v) * lanes; });
      }
    }
  };

  const int64_t floats = (int64_t{16} << 20) / threads;
  const Tensor x = Tensor::full({threads * floats}, 1);
  Tensor y = x.clone();
  const auto copy = [&](int64_t thread) {
    for (int64_t i = thread * floats; i < (thread + 1) * floats; i += lanes) store(y.data() + i, load(x.data() + i));
  };

  Peaks peaks{};
  for (int run = 0; run < 50; ++run) {  // by turns, since a machine that others share has its moods
    for (int turn = 0; turn < 5; ++turn) {
      peaks.fma = std::max(peaks.fma, rate(threads, 2.0 * lanes * steps, fma));
      peaks.tile = std::max(peaks.tile, rate(threads, 2.0 * rows * depth * V * lanes * repeats, tile));
    }
    peaks.copy = std::max(peaks.copy, rate(threads, 8.0 * static_cast<double>(floats), copy));
  }
  set_threads(before);
  return peaks;
}

}  // namespace engine
