#pragma once

namespace engine {

/// What this machine can do at most, measured with a number of threads at once.
struct Peaks {
  double fma;   // float32 multiply-adds on registers, GFLOP/s
  double tile;  // the inner loop of the convolutions on data in the second-level cache, GFLOP/s
  double copy;  // bytes read and written by a copy of 128 MiB, GB/s
};

/// Measures for a few seconds; the best of many short runs.
Peaks probe(int threads);

}  // namespace engine
