#include <algorithm>

#include "engine/cpu/conv.h"
#include "engine/cpu/gather.h"
#include "engine/cpu/prefetch.h"
#include "engine/cpu/vector.h"
#include "engine/parallel.h"

// A convolution whose groups are smaller than a vector, such as the 32 groups of 4 channels of ResNeXt-50. One vector
// holds several groups, and every output channel needs the `size` input channels of its own group alone: spread(x, j)
// repeats channel j of each group over the group, and then
//
//   x             a b c d | e f g h | ...
//   spread(x, 1)  b b b b | f f f f | ...
//   y += spread(x, 0) w[0] + spread(x, 1) w[1] + ...
//
// Backward takes the same way: dx from dy with the weights of a group transposed, and dweight[j] += dy spread(x, j).
namespace engine::cpu::grouped {
namespace {

template <int Size, int J, int... Lane>
Vector spread(Vector x, std::integer_sequence<int, Lane...>) {
  return __builtin_shufflevector(x, x, (Lane / Size * Size + J)...);
}

/// sum + the products of all channels of each group with their weights (j, lanes).
template <int Size, int... J>
inline Vector add_products(Vector sum, Vector x, const float* weights, std::integer_sequence<int, J...>) {
  ((sum += spread<Size, J>(x, std::make_integer_sequence<int, lanes>()) * load(weights + J * lanes)), ...);
  return sum;
}

/// sums[j] + slope times channel j of each group, for all j.
template <int Size, int... J>
inline void add_slopes(Vector* sums, Vector slope, Vector x, std::integer_sequence<int, J...>) {
  ((sums[J] += spread<Size, J>(x, std::make_integer_sequence<int, lanes>()) * slope), ...);
}

/// Calls run.template operator()<Size>() with Size = size, which divides `lanes`.
template <class Run>
void with_size(int64_t size, Run run) {
  if (size == 1) run.template operator()<1>();
  else if (size == 2) run.template operator()<2>();
  else if (size == 4) run.template operator()<4>();
  else if constexpr (lanes >= 8) {
    if (size == 8) run.template operator()<8>();
    else if constexpr (lanes == 16) run.template operator()<16>();
  }
}

/// (blocks of `lanes` channels, taps, j, lanes): what the j-th channel of its group adds to each channel of the result.
Tensor pack(const Tensor& weight, bool transposed) {
  const Shape& k = weight.shape();
  const int64_t taps = k[1] * k[2], size = k[3];
  Tensor packed({k[0] / lanes, taps, size, lanes});
  float* to = packed.data();
  for (int64_t block = 0; block < k[0]; block += lanes) {
    for (int64_t tap = 0; tap < taps; ++tap) {
      for (int64_t j = 0; j < size; ++j) {
        for (int64_t c = block; c < block + lanes; ++c) {
          const int64_t oc = transposed ? c / size * size + j : c, ic = transposed ? c % size : j;
          *to++ = weight.data()[(oc * taps + tap) * size + ic];
        }
      }
    }
  }
  return packed;
}

constexpr int tile_pixels = 6;  // that are computed together

/// Tiles of a whole Gather and all channels.
int64_t tiles_of(int64_t channels) { return gather_pixels / tile_pixels * channels / lanes; }

/// The channels of the gathered result pixels; with accumulate, added to y. Fetches some of `ahead` before each tile.
template <int Size>
void multiply(const Gather& gather, const Tensor& weights, bool accumulate, Prefetch& ahead, Tensor& y) {
  constexpr int R = tile_pixels;
  const int64_t channels = y.shape()[3], pixels = gather.pixels(), all_taps = weights.shape()[1];
  const auto taps = static_cast<int64_t>(gather.taps.size());
  for (int64_t block = 0; block < channels; block += lanes) {
    const float* block_weights = weights.data() + block / lanes * all_taps * Size * lanes;
    for (int64_t first = 0; first < pixels; first += R) {
      const int64_t last = pixels - 1;  // read again for the rest of the last tile
      ahead.next();
      Vector sum[R];
#pragma GCC unroll 6
      for (int r = 0; r < R; ++r) sum[r] = Vector{};
      for (int64_t t = 0; t < taps; ++t) {
        const float* w = block_weights + gather.taps[static_cast<size_t>(t)] * Size * lanes;
        const float* const* source = gather.source.data() + t * pixels;
#pragma GCC unroll 6
        for (int r = 0; r < R; ++r) {
          sum[r] = add_products<Size>(sum[r], load(source[std::min(first + r, last)] + block), w,
                                      std::make_integer_sequence<int, Size>());
        }
      }
#pragma GCC unroll 6
      for (int r = 0; r < R; ++r) {
        if (first + r > last) break;
        float* to = y.data() + gather.result[static_cast<size_t>(first + r)] * channels + block;
        store(to, accumulate ? load(to) + sum[r] : sum[r]);
      }
    }
  }
}

/// A sum waits for the one before it, so several taps are summed by turns, as many as fit the registers.
template <int Size>
constexpr int taps_together = Size <= 8 ? 3 : 1;

/// sums (Taps, Size, lanes) += the products of the slopes of all gathered pixels, `stride` apart, with the pixels'
/// channels from `block` on, for taps from `tap` on.
template <int Size, int Taps>
void add_tap_slopes(const Gather& gather, int64_t tap, const float* slopes, int64_t stride, int64_t block,
                    float* sums) {
  const int64_t pixels = gather.pixels();
  const float* const* source = gather.source.data() + tap * pixels;
  Vector sum[Taps * Size];
#pragma GCC unroll 24
  for (int i = 0; i < Taps * Size; ++i) sum[i] = load(sums + i * lanes);
  for (int64_t p = 0; p < pixels; ++p, slopes += stride) {
    const Vector slope = load(slopes);
#pragma GCC unroll 3
    for (int t = 0; t < Taps; ++t) {
      add_slopes<Size>(sum + t * Size, slope, load(source[t * pixels + p] + block),
                       std::make_integer_sequence<int, Size>());
    }
  }
#pragma GCC unroll 24
  for (int i = 0; i < Taps * Size; ++i) store(sums + i * lanes, sum[i]);
}

}  // namespace

bool fits(const Shape& weight, const Conv2dSpec& spec, int64_t largest_group) {
  const int64_t size = weight[3];
  return spec.groups > 1 && size <= largest_group && weight[0] == size * spec.groups && lanes % size == 0 &&
         weight[0] % lanes == 0;
}

void forward(const Tensor& x, const Tensor& weight, const Conv2dSpec& spec, Tensor& y) {
  const Tensor weights = pack(weight, false);
  const Shape& out = y.shape();
  const int64_t pixels = out[0] * out[1] * out[2];
  parallel_for(pixels, gather_pixels, [&](int64_t begin, int64_t end) {
    const Gather gather = gather_inputs(x, weight.shape(), spec, out, begin, end);
    Prefetch ahead = next_chunk(x, begin, gather_pixels, pixels, tiles_of(out[3]));
    with_size(weight.shape()[3], [&]<int Size>() { multiply<Size>(gather, weights, false, ahead, y); });
  });
}

void backward_data(const Tensor& dy, const Tensor& weight, const Conv2dSpec& spec, bool accumulate, Tensor& dx) {
  const Tensor weights = pack(weight, true);
  const Shape& in = dx.shape();
  const int64_t rows = in[0] * in[1], grain = gather_rows(in, spec.stride);
  parallel_for(rows, grain, [&](int64_t begin, int64_t end) {
    Prefetch ahead = next_chunk(dy, begin, grain, rows, tiles_of(in[3]));
    for (int64_t phase = 0; phase < spec.stride * spec.stride; ++phase) {
      const Gather gather = gather_slopes(dy, weight.shape(), spec, in, begin, end, phase);
      if (gather.pixels() == 0) continue;
      with_size(weight.shape()[3], [&]<int Size>() { multiply<Size>(gather, weights, accumulate, ahead, dx); });
    }
  });
}

void backward_weight(const Tensor& dy, const Tensor& x, const Conv2dSpec& spec, Tensor& dweight) {
  const Shape &k = dweight.shape(), &out = dy.shape();
  const int64_t taps = k[1] * k[2], size = k[3], channels = k[0], pixels = out[0] * out[1] * out[2];
  constexpr int64_t parts = 8;  // of the pixels; their sums, laid out like packed weights, are added up in order
  Tensor sums = Tensor::zeros({parts, channels / lanes, taps, size * lanes});
  parallel_for(parts, 1, [&](int64_t part, int64_t) {
    float* part_sums = sums.data() + part * channels * taps * size;
    const int64_t stop = pixels * (part + 1) / parts;
    for (int64_t begin = pixels * part / parts; begin < stop; begin += gather_pixels) {
      const int64_t end = std::min(stop, begin + gather_pixels);
      const Gather gather = gather_inputs(x, k, spec, out, begin, end);
      NextBlock ahead(x, dy, end, std::min(stop, end + gather_pixels), pixels, channels / lanes * taps);
      with_size(size, [&]<int Size>() {
        for (int64_t block = 0; block < channels; block += lanes) {
          const float* slopes = dy.data() + begin * channels + block;
          const auto add = [&]<int Taps>(int64_t tap) {
            ahead.next();
            add_tap_slopes<Size, Taps>(gather, tap, slopes, channels, block,
                                       part_sums + (block / lanes * taps + tap) * Size * lanes);
          };
          int64_t tap = 0;
          for (; tap + taps_together<Size> <= taps; tap += taps_together<Size>) {
            add.template operator()<taps_together<Size>>(tap);
          }
          for (; tap < taps; ++tap) add.template operator()<1>(tap);
        }
      });
    }
  });
  for (int64_t oc = 0; oc < channels; ++oc) {
    for (int64_t tap = 0; tap < taps; ++tap) {
      for (int64_t j = 0; j < size; ++j) {
        const float* from = sums.data() + ((oc / lanes * taps + tap) * size + j) * lanes + oc % lanes;
        float sum = 0;
        for (int64_t part = 0; part < parts; ++part) sum += from[part * channels * taps * size];
        dweight.data()[(oc * taps + tap) * size + j] = sum;
      }
    }
  }
}

}  // namespace engine::cpu::grouped
