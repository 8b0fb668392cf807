#pragma once

#include <algorithm>
#include <array>

#include "engine/each.h"
#include "engine/tensor.h"

// One kernel over many tensors: a network has a hundred parameters, most of them so small that to begin a kernel for
// each would take longer than what it does.
namespace engine::cuda {

/// Threads that take neighbouring numbers of a tensor.
inline constexpr int64_t together = 32;

/// How many runs of a length a tensor is cut into.
inline int64_t runs_of(const Tensor& tensor, int64_t length) { return (tensor.elements() + length - 1) / length; }

/// Where the numbers of some tensors are, and with them those of other tensors as long, in `lists` lists of tensors.
/// They are cut into runs: of one tensor each, and of the same length but for its last.
template <int lists>
struct Runs {
  static constexpr int most = 64;  // tensors, so that it can be handed to a kernel as it is

  float* at[most][lists];
  int64_t size[most], first[most + 1];  // a tensor's numbers, and its first run; behind the last the number of all runs
  int tensors;

  Runs(const std::array<const Tensors*, lists>& from, size_t begin, int64_t length)
      : tensors(static_cast<int>(std::min<size_t>(most, from[0]->size() - begin))) {
    first[0] = 0;
    for (int k = 0; k < tensors; ++k) {
      const size_t tensor = begin + static_cast<size_t>(k);
      for (int list = 0; list < lists; ++list) {
        at[k][list] = const_cast<float*>((*from[static_cast<size_t>(list)])[tensor].data());
      }
      size[k] = (*from[0])[tensor].elements();
      first[k + 1] = first[k] + runs_of((*from[0])[tensor], length);
    }
  }

  int64_t count() const { return first[tensors]; }

  /// The tensor that a run is of.
  DEMIX_HOST_DEVICE int tensor_of(int64_t run) const {
    int low = 0, high = tensors;  // first[low] <= run < first[high]
    while (high - low > 1) {
      const int middle = (low + high) / 2;
      if (first[middle] <= run) low = middle;
      else high = middle;
    }
    return low;
  }
};

/// Calls body(at, begin, end, thread) for every thread: it is to do begin, begin + together, ... up to before end of
/// the numbers at[0], at[1], ... of a tensor of each list, at most `numbers` of them. Threads are counted from 0.
template <int lists, class Body>
void each_run(const std::array<const Tensors*, lists>& from, int64_t numbers, const Body& body) {
  const int64_t length = together * numbers;
  int64_t threads = 0;
  for (size_t begin = 0; begin < from[0]->size(); begin += Runs<lists>::most) {
    const Runs<lists> runs(from, begin, length);
    each(together * runs.count(), [=] DEMIX_DEVICE(int64_t i) {
      const int64_t run = i / together;
      const int k = runs.tensor_of(run);
      const int64_t start = (run - runs.first[k]) * length, stop = start + length;
      body(runs.at[k], start + i % together, stop < runs.size[k] ? stop : runs.size[k], threads + i);
    });
    threads += together * runs.count();
  }
}

/// How many threads each_run() would have.
inline int64_t threads_of(const Tensors& tensors, int64_t numbers) {
  int64_t threads = 0;
  for (const Tensor& tensor : tensors) threads += together * runs_of(tensor, together * numbers);
  return threads;
}

/// Calls body(gate[0], at, i) for every number: at[0][i], at[1][i], ...
template <int lists, class Body>
void each_number(const Tensor& gate, const std::array<const Tensors*, lists>& from, const Body& body) {
  const float* state = gate.data();
  each_run<lists>(from, 8, [=] DEMIX_DEVICE(float* const* at, int64_t begin, int64_t end, int64_t) {
    const float factor = *state;
    for (int64_t i = begin; i < end; i += together) body(factor, at, i);
  });
}

}  // namespace engine::cuda
