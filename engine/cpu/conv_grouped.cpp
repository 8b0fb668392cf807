#include <algorithm>
#include <atomic>

#include "engine/cpu/conv.h"
#include "engine/cpu/gather.h"
#include "engine/cpu/prefetch.h"
#include "engine/cpu/vector.h"
#include "engine/parallel.h"

// A 3x3 convolution of small groups, such as the 32 groups of 4 to 32 channels of ResNeXt-50. One vector holds several
// groups, and every output channel needs the `size` input channels of its own group alone: spread(x, j) repeats channel
// j of each group over the group, or over all lanes where a group fills them:
//
//   x             a b c d | e f g h | ...
//   spread(x, 1)  b b b b | f f f f | ...
//   y += spread(x, 0) w[0] + spread(x, 1) w[1] + ...
//
// To spread takes as long as to multiply, so what was spread once serves all the taps it meets. A few rows of sums
// sweep over the image from left to right, with the columns of the result that the next column of the input reaches:
//
//       . . o . .         . s s s .         o  spread, one channel after the other
//       . . o . .    ->   . s s s .         s  sums in registers: the left ones are finished then,
//       . . o . .         . s s s .            and the others move on
//
// Forward and backward are the same sweep. In both dimensions an input pixel meets those output pixels at the taps k
// for which  Q output = P input - 1 + k:  P = 1 and Q = stride forward, with the taps turned round, and P = stride and
// Q = 1 backward, with the weights of a group transposed. The gradient of the weights keeps the sums of all taps for a
// few channels j in registers, while it runs over the pixels: over copies of them, so few that they stay in the
// first-level cache, with a rim of zeros around each band of dy.
namespace engine::cpu::grouped {
namespace {

constexpr int kernel = 3, taps = kernel * kernel;
constexpr int sweep_rows = 4;            // of the output in one sweep
constexpr int64_t slice_channels = 128;  // that a thread works on: runs of memory that are long enough to be fetched

/// Channel J of each group, repeated over the group.
template <int Size, int J, int... Lane>
inline Vector spread(const float* x, std::integer_sequence<int, Lane...>) {
  const Vector all = load(x);
  return __builtin_shufflevector(all, all, (Lane / Size * Size + J)...);
}
template <int Size, int J>
inline Vector spread(const float* x) {
  if constexpr (Size == lanes) return x[J] - Vector{};  // - 0 changes nothing, so the compiler leaves it out
  else return spread<Size, J>(x, std::make_integer_sequence<int, lanes>());
}

/// Calls run.template operator()<First>(), <First + Step>(), ... below End.
template <int First, int Step, int End, class Run>
inline void unroll(Run run) {
  if constexpr (First < End) {
    run.template operator()<First>();
    unroll<First + Step, Step, End>(run);
  }
}

/// Calls run.template operator()<Size>() with Size = size, or `lanes` for whole vectors.
template <class Run>
void with_size(int64_t size, Run run) {
  if (size == 1) run.template operator()<1>();
  else if (size == 2) run.template operator()<2>();
  else if (size >= lanes) run.template operator()<lanes>();
  else if constexpr (lanes >= 8) {
    if (size == 4) run.template operator()<4>();
    else if constexpr (lanes == 16) run.template operator()<8>();
  }
}

/// Images cut into bands of rows, and how many of these make about so many pixels together.
struct Bands {
  int64_t per_image, rows, number, together;

  Bands(const Shape& images, int64_t pixels)
      : per_image(divide_up(images[1], std::max<int64_t>(sweep_rows, pixels / images[2]))),
        rows(round_up(divide_up(images[1], per_image), sweep_rows)),
        number(images[0] * per_image),
        together(std::max<int64_t>(1, pixels / (rows * images[2]))) {}

  int64_t image(int64_t band) const { return band / per_image; }
  int64_t top(int64_t band) const { return band % per_image * rows; }
};

/// (blocks of `lanes` channels, j, taps, lanes): what the j-th channel of its group adds to each channel of the result.
Tensor pack(const Tensor& weight, bool backward) {
  const int64_t channels = weight.shape()[0], size = weight.shape()[3], filter = taps * size;
  Tensor packed({channels / lanes, size, taps, lanes});
  parallel_for(channels, lanes, [&](int64_t begin, int64_t) {
    int64_t place[lanes];  // of each channel's weights
    for (int64_t lane = 0; lane < lanes; ++lane) {
      const int64_t c = begin + lane, in_group = backward ? c % size : 0;
      place[lane] = (c - in_group) * filter + in_group;
    }
    float* to = packed.data() + begin * filter;
    for (int64_t j = 0; j < size; ++j) {
      for (int64_t t = 0; t < taps; ++t, to += lanes) {
        const float* from = weight.data() + (backward ? j * filter + t * size : (taps - 1 - t) * size + j);
        for (int64_t lane = 0; lane < lanes; ++lane) to[lane] = from[place[lane]];
      }
    }
  });
  return packed;
}

/// One block of channels of the rows [first, last) of an image, at most sweep_rows; with accumulate, added to them.
template <int Size, int P, int Q>
void sweep(const Tensor& in, const float* weights, int64_t size, int64_t image, int64_t first, int64_t last,
           int64_t channel, bool accumulate, Prefetch& read, Prefetch& write, Tensor& out) {
  constexpr int R = sweep_rows, unrolled = Size < lanes ? Size : 2;
  constexpr int above = P == 1, in_rows = above + (Q * (R - 1) + 1) / P + 1;  // from the row above that at `first`
  constexpr int left = Q == 1;  // columns of the result that the first step finishes before column 0
  const Shape &from = in.shape(), &to = out.shape();
  const int64_t row_size = from[2] * from[3], unit = std::max<int64_t>(size, lanes);
  const float* row[in_rows];
#pragma GCC unroll 16
  for (int i = 0; i < in_rows; ++i) {
    const int64_t y = first * Q / P + i - above;
    const bool inside = y >= 0 && y < from[1];
    row[i] = inside ? in.data() + (image * from[1] + y) * row_size + channel / unit * unit : zeros(row_size);
  }
  float* result = out.data() + (image * to[1] + first) * to[2] * to[3] + channel;
  Vector sum[R][kernel] = {};  // by the tap kx that adds to it
  for (int64_t step = 0; step * P < to[2] + left; ++step) {
    read.next();
    write.next();
    const int64_t depth = step * Q >= from[2] ? 0 : Size < lanes ? Size : size;
    for (int64_t j = 0; j < depth; j += unrolled) {
      unroll<0, 1, unrolled>([&]<int J>() {
#pragma GCC unroll 2
        for (int q = 0; q < Q; ++q) {
          const int64_t x = step * Q + q;
          if (q > 0 && x == from[2]) break;
          Vector pixel[in_rows];
#pragma GCC unroll 16
          for (int i = 0; i < in_rows; ++i) pixel[i] = spread<Size, J>(row[i] + x * from[3] + j);
#pragma GCC unroll 9
          for (int t = 0; t < taps; ++t) {
            const int ky = t / kernel, kx = t % kernel;
            if ((P * q - 1 + kx) % Q != 0) continue;
            const Vector factor = load(weights + ((j + J) * taps + t) * lanes);
#pragma GCC unroll 4
            for (int r = 0; r < R; ++r) {
              const int y = Q * r + 1 - ky;
              if (y % P == 0) sum[r][kx] += factor * pixel[above + y / P];
            }
          }
        }
      });
    }
#pragma GCC unroll 4
    for (int r = 0; r < R; ++r) {
      if (Q == 2) sum[r][0] += sum[r][1];  // of the same column
#pragma GCC unroll 2
      for (int i = 0; i < P; ++i) {
        const int64_t x = step * P + i - left;
        if (x >= 0 && x < to[2] && first + r < last) {
          float* place = result + (r * to[2] + x) * to[3];
          store(place, accumulate ? load(place) + sum[r][i] : sum[r][i]);
        }
      }
      sum[r][0] = sum[r][P * Q];
      sum[r][1] = P * Q == 1 ? sum[r][2] : Vector{};
      sum[r][2] = Vector{};
    }
  }
}

/// Bands of rows and slices of channels in parallel, each after fetching a little of the next one in every step.
template <int P, int Q>
void convolve(const Tensor& in, const Tensor& weight, bool backward, bool accumulate, Tensor& out) {
  const Tensor weights = pack(weight, backward);
  const Shape& to = out.shape();
  const int64_t channels = to[3], size = weight.shape()[3];
  const Bands bands(to, 256 / (Q * Q));
  const int64_t slices = divide_up(channels, slice_channels), chunks = divide_up(bands.number, bands.together);
  parallel_for(chunks * slices, 1, [&](int64_t task, int64_t) {
    const int64_t begin = task / slices * bands.together, end = std::min(bands.number, begin + bands.together);
    const int64_t first = task % slices * slice_channels, last = std::min(channels, first + slice_channels);
    const auto ahead = [&](const Tensor& tensor, Prefetch::To use) {
      const int64_t next = task + threads(), band = next / slices * bands.together;
      const int64_t channel = next % slices * slice_channels;
      const int64_t steps = (last - first) / lanes * bands.together * bands.rows / sweep_rows * to[2] / P;
      return Prefetch(tensor, band, band + bands.together, bands.number, channel,
                      std::min(slice_channels, channels - channel), use, steps);
    };
    Prefetch read = ahead(in, Prefetch::To::read), write = ahead(out, Prefetch::To::write);
    for (int64_t c = first; c < last; c += lanes) {
      for (int64_t band = begin; band < end; ++band) {
        const int64_t top = bands.top(band), bottom = std::min(to[1], top + bands.rows);
        for (int64_t row = top; row < bottom; row += sweep_rows) {
          with_size(size, [&]<int Size>() {
            sweep<Size, P, Q>(in, weights.data() + c * taps * size, size, bands.image(band), row, bottom, c, accumulate,
                              read, write, out);
          });
        }
      }
    }
  });
}

/// Copies some channels of the pixels [top, bottom) x [left, right) of an image, and zeros for those beyond it.
float* copy(const Tensor& image, int64_t n, int64_t top, int64_t bottom, int64_t left, int64_t right, int64_t channel,
            int64_t channels, float* to) {
  const Shape& shape = image.shape();
  for (int64_t y = top; y < bottom; ++y) {
    const bool inside = y >= 0 && y < shape[1];
    const int64_t begin = inside ? std::max<int64_t>(left, 0) : right, end = inside ? std::min(right, shape[2]) : right;
    to = std::fill_n(to, (begin - left) * channels, 0.0f);
    const float* from = image.data() + ((n * shape[1] + y) * shape[2] + begin) * shape[3] + channel;
    for (int64_t x = begin; x < end; ++x, from += shape[3]) {
      for (int64_t c = 0; c < channels; c += lanes, to += lanes) store(to, load(from + c));
    }
    to = std::fill_n(to, (right - end) * channels, 0.0f);
  }
  return to;
}

/// Copies of pixels, and how far apart they are: from band to band, row to row, column to column.
struct Copy {
  const float* data;
  int64_t band, row, column;
};

/// sums (channels j, taps, lanes) += the products of N channels of x, from J on, with the slopes that they meet, for
/// bands of rows x columns pixels of dy.
template <int Size, int Stride, int J, int N>
void add_products(const Copy& x, const Copy& dy, int64_t bands, int64_t rows, int64_t columns, Prefetch& read_x,
                  Prefetch& read_dy, float* sums) {
  Vector sum[taps][N];
#pragma GCC unroll 9
  for (int t = 0; t < taps; ++t) {
#pragma GCC unroll 2
    for (int i = 0; i < N; ++i) sum[t][i] = load(sums + (i * taps + t) * lanes);
  }
  for (int64_t band = 0; band < bands; ++band) {
    for (int64_t row = 0; row < rows; ++row) {
      read_x.next();
      read_dy.next();
      const float* from = x.data + band * x.band + row * Stride * x.row;
      const float* slopes = dy.data + band * dy.band + row * dy.row;
      for (int64_t column = 0; column < columns; ++column, from += Stride * x.column, slopes += dy.column) {
#pragma GCC unroll 4
        for (int q = 0; q < Stride * Stride; ++q) {
          const int qy = q / Stride, qx = q % Stride;
          Vector pixel[N];
          unroll<0, 1, N>([&]<int I>() { pixel[I] = spread<Size, J + I>(from + qy * x.row + qx * x.column); });
#pragma GCC unroll 9
          for (int t = 0; t < taps; ++t) {
            const int sy = qy + 1 - t / kernel, sx = qx + 1 - t % kernel;
            if (sy % Stride != 0 || sx % Stride != 0) continue;
            const Vector slope = load(slopes + sy / Stride * dy.row + sx / Stride * dy.column);
            std::atomic_signal_fence(std::memory_order_acq_rel);  // or the compiler loads it again for each use
#pragma GCC unroll 2
            for (int i = 0; i < N; ++i) sum[t][i] += slope * pixel[i];
          }
        }
      }
    }
  }
#pragma GCC unroll 9
  for (int t = 0; t < taps; ++t) {
#pragma GCC unroll 2
    for (int i = 0; i < N; ++i) store(sums + (i * taps + t) * lanes, sum[t][i]);
  }
}

template <int Stride>
void weight_gradient(const Tensor& dy, const Tensor& x, Tensor& dweight) {
  constexpr int64_t tasks = 8;
  constexpr int64_t before =
      Stride == 1;  // of dy, a block of x meets so many pixels before its own, and one after them
  const Shape& out = dy.shape();
  const int64_t channels = out[3], size = dweight.shape()[3], unit = std::max<int64_t>(size, lanes);
  const Bands bands(out, 128 * lanes / unit / Stride);
  const int64_t x_width = out[2] * Stride, dy_width = before + out[2] + 1;
  const int64_t x_size = bands.rows * Stride * x_width * unit, dy_size = (before + bands.rows + 1) * dy_width * unit;
  // The parts decide the rounding; the slices do not, and are as many as the threads need.
  const int64_t parts = divide_up(tasks, divide_up(channels, slice_channels));
  int64_t slice = slice_channels;
  while (slice > unit && parts * divide_up(channels, slice) < 2 * threads()) slice /= 2;
  const int64_t slices = divide_up(channels, slice);
  Tensor sums({parts, channels / lanes, size * taps, lanes});
  parallel_for(parts * slices, 1, [&](int64_t task, int64_t) {
    const int64_t first = task % slices * slice, last = std::min(channels, first + slice);
    const int64_t part = task / slices, stop = bands.number * (part + 1) / parts;
    float* part_sums = sums.data() + part * channels * taps * size;
    std::fill(part_sums + first * taps * size, part_sums + last * taps * size, 0.0f);
    Tensor xs({bands.together, x_size}), dys({bands.together, dy_size});
    for (int64_t begin = bands.number * part / parts; begin < stop; begin += bands.together) {
      const int64_t end = std::min(stop, begin + bands.together);
      const auto ahead = [&](const Tensor& t) {
        return Prefetch(t, end, std::min(stop, end + bands.together), bands.number, first, last - first,
                        Prefetch::To::read, (last - first) / lanes * bands.together * bands.rows * size / 2);
      };
      Prefetch read_x = ahead(x), read_dy = ahead(dy);
      for (int64_t c = first; c < last; c += unit) {
        float *x_end = xs.data(), *dy_end = dys.data();
        for (int64_t band = begin; band < end; ++band) {
          const int64_t image = bands.image(band), top = bands.top(band), bottom = top + bands.rows;
          x_end = copy(x, image, top * Stride, bottom * Stride, 0, x_width, c, unit, x_end);
          dy_end = copy(dy, image, top - before, bottom + 1, -before, out[2] + 1, c, unit, dy_end);
        }
        for (int64_t block = 0; block < unit; block += lanes) {
          with_size(size, [&]<int Size>() {
            constexpr int N = lanes == 16 && Size > 1 ? 2 : 1, unrolled = Size < lanes ? Size : N;
            for (int64_t j = 0; j < (Size < lanes ? Size : size); j += unrolled) {
              unroll<0, N, unrolled>([&]<int J>() {
                add_products<Size, Stride, J, N>(
                    {xs.data() + j, x_size, x_width * unit, unit},
                    {dys.data() + before * (dy_width + 1) * unit + block, dy_size, dy_width * unit, unit}, end - begin,
                    bands.rows, out[2], read_x, read_dy, part_sums + ((c + block) * size + (j + J) * lanes) * taps);
              });
            }
          });
        }
      }
    }
  });
  parallel_for(channels, lanes, [&](int64_t begin, int64_t) {
    const float* from = sums.data() + begin * taps * size;
    for (int64_t j = 0; j < size; ++j) {
      for (int64_t t = 0; t < taps; ++t, from += lanes) {
        Vector sum = load(from);
        for (int64_t part = 1; part < parts; ++part) sum += load(from + part * channels * taps * size);
        float* to = dweight.data() + (begin * taps + t) * size + j;
        for (int64_t lane = 0; lane < lanes; ++lane) to[lane * taps * size] = sum[lane];
      }
    }
  });
}

}  // namespace

bool fits(const Shape& weight, const Conv2dSpec& spec) {
  const int64_t size = weight[3];
  return weight[1] == kernel && weight[2] == kernel && spec.pad == 1 && spec.stride <= 2 && spec.groups > 1 &&
         weight[0] == size * spec.groups && size <= 2 * lanes && (lanes % size == 0 || size % lanes == 0) &&
         weight[0] % lanes == 0;
}

void forward(const Tensor& x, const Tensor& weight, const Conv2dSpec& spec, Tensor& y) {
  if (spec.stride == 1) convolve<1, 1>(x, weight, false, false, y);
  else convolve<1, 2>(x, weight, false, false, y);
}

void backward_data(const Tensor& dy, const Tensor& weight, const Conv2dSpec& spec, bool accumulate, Tensor& dx) {
  if (spec.stride == 1) convolve<1, 1>(dy, weight, true, accumulate, dx);
  else convolve<2, 1>(dy, weight, true, accumulate, dx);
}

void backward_weight(const Tensor& dy, const Tensor& x, const Conv2dSpec& spec, Tensor& dweight) {
  if (spec.stride == 1) weight_gradient<1>(dy, x, dweight);
  else weight_gradient<2>(dy, x, dweight);
}

}  // namespace engine::cpu::grouped
