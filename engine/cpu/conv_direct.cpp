#include <algorithm>

#include "engine/cpu/conv.h"
#include "engine/cpu/gather.h"
#include "engine/cpu/packed_weights.h"
#include "engine/parallel.h"

// A convolution without rearranging its input: a row of the left-hand side is one pixel's channels where they lie in
// memory, found through a table of pointers, one for every pair of a tap and a result pixel (Dukhan, 2019, "The
// indirect convolution algorithm"). Pixels outside the image are a row of zeros.
//
//                 taps, ic            oc, in panels                          R pixels x V vectors stay in registers
//             +--------------+     +------+------+                           while all taps and input channels are
//   R pixels  | -> -> -> ... |  x  |      |      |  taps, ic                 summed; the table serves all panels
//             +--------------+     +------+------+
namespace engine::cpu::direct {
namespace {

/// The products of gathered pixels: y[p] = sum over taps of source[tap, p] weights[tap].
class Products {
 public:
  Products(const Gather& gather, const PackedWeights& weights, int64_t groups, Tensor& y)
      : gather_(gather), weights_(weights), groups_(groups), y_(y) {}

  void run() {
    for (int64_t group = 0; group < groups_; ++group) {
      for (int64_t index = 0; index < weights_.panels(); ++index) {
        const Panel panel = weights_.panel(index);
        with_vectors(panel.vectors, [&]<int V>() {
          for (int64_t p = 0; p < gather_.pixels(); p += tile_rows(V)) tile<V>(group, index, panel, p);
        });
      }
    }
  }

 private:
  template <int V>
  void tile(int64_t group, int64_t index, const Panel& panel, int64_t first) {
    constexpr int R = tile_rows(V);
    const int64_t from = group * weights_.depth(), to = group * weights_.columns() + panel.begin;
    const int64_t pixels = gather_.pixels(), channels = y_.shape()[3];
    const auto taps = static_cast<int64_t>(gather_.taps.size());
    const float* const* source = gather_.source.data() + first;
    const int64_t* result = gather_.result.data() + first;
    const auto b = [&](int64_t t) { return weights_.tap(group, index, gather_.taps[static_cast<size_t>(t)]); };
    float* y = y_.data();
    if (first + R <= pixels && panel.count == V * lanes) {
      gather_product<V>(
          taps, weights_.depth(), [=](int64_t t, int r) { return source[t * pixels + r] + from; }, b,
          [=](int r, int v) { return y + result[r] * channels + to + v * lanes; });
    } else {  // a tile that reaches beyond the result is computed aside
      float aside[R * V * lanes];
      const int64_t rows = std::min<int64_t>(R, pixels - first);
      gather_product<V>(
          taps, weights_.depth(),
          [=](int64_t t, int r) { return source[t * pixels + std::min<int64_t>(r, rows - 1)] + from; }, b,
          [&](int r, int v) { return aside + (r * V + v) * lanes; });
      for (int64_t r = 0; r < rows; ++r) {
        std::copy_n(aside + r * V * lanes, panel.count, y + result[r] * channels + to);
      }
    }
  }

  const Gather& gather_;
  const PackedWeights& weights_;
  int64_t groups_;
  Tensor& y_;
};

}  // namespace

void forward(const Tensor& x, const Tensor& weight, const Conv2dSpec& spec, Tensor& y) {
  const PackedWeights weights(weight, spec.groups, PackedWeights::For::forward);
  const Shape& out = y.shape();
  parallel_for(out[0] * out[1] * out[2], gather_pixels, [&](int64_t begin, int64_t end) {
    Products(gather_inputs(x, weight.shape(), spec, out, begin, end), weights, spec.groups, y).run();
  });
}

void backward_data(const Tensor& dy, const Tensor& weight, const Conv2dSpec& spec, Tensor& dx) {
  const PackedWeights weights(weight, spec.groups, PackedWeights::For::backward_data);
  const Shape& in = dx.shape();
  parallel_for(in[0] * in[1], gather_rows(in, spec.stride), [&](int64_t begin, int64_t end) {
    for (int64_t phase = 0; phase < spec.stride * spec.stride; ++phase) {
      Products(gather_slopes(dy, weight.shape(), spec, in, begin, end, phase), weights, spec.groups, dx).run();
    }
  });
}

namespace {

// The gradient for the weights is a product (oc, pixels) x (pixels, taps ic). A chunk of pixels is copied together, a
// panel of columns at a time, so that it stays in the first-level cache while all output channels use it.
constexpr int64_t weight_pixels = 64;

/// Copies a short run; returns the end of the copy.
inline float* copy(const float* from, int64_t count, float* to) {
  int64_t i = 0;
  for (; i + lanes <= count; i += lanes) store(to + i, load(from + i));
  for (; i < count; ++i) to[i] = from[i];
  return to + count;
}

/// Copies columns [begin, end) of the windows of pixels [first, last) of y, for one group: windows[pixel][column].
void copy_windows(const Tensor& x, const Shape& k, const Shape& y, const Conv2dSpec& spec, int64_t group, int64_t first,
                  int64_t last, const Panel& panel, float* windows) {
  const Shape& in = x.shape();
  const int64_t ic = k[3], row = k[2] * ic, end = panel.begin + panel.count;
  Walk at(first, y[1], y[2]);
  for (int64_t p = first; p < last; ++p, windows += panel.width(), at.next()) {
    const int64_t image = at.image, y0 = at.y * spec.stride - spec.pad, x0 = at.x * spec.stride - spec.pad;
    float* to = windows;
    int64_t ky = panel.begin / row, skip = panel.begin % row;
    for (int64_t column = panel.begin; column < end; ++ky, skip = 0) {
      const int64_t iy = y0 + ky, stop = std::min(row, skip + end - column);
      column += stop - skip;
      if (iy < 0 || iy >= in[1]) {
        to = std::fill_n(to, stop - skip, 0.0f);
        continue;
      }
      // A row of the window is one run of memory, unless it leaves the image or pixels hold channels of other groups.
      const float* from = x.data() + ((image * in[1] + iy) * in[2] + x0) * in[3] + group * ic;
      if (spec.groups == 1 && x0 >= 0 && x0 + k[2] <= in[2]) {
        to = copy(from + skip, stop - skip, to);
        continue;
      }
      while (skip < stop) {
        const int64_t kx = skip / ic, count = std::min(ic - skip % ic, stop - skip);
        if (x0 + kx >= 0 && x0 + kx < in[2]) to = copy(from + kx * in[3] + skip % ic, count, to);
        else to = std::fill_n(to, count, 0.0f);
        skip += count;
      }
    }
    std::fill(to, windows + panel.width(), 0.0f);
  }
}

}  // namespace

void backward_weight(const Tensor& dy, const Tensor& x, const Conv2dSpec& spec, Tensor& dweight) {
  const Shape &k = dweight.shape(), &out = dy.shape();
  const int64_t groups = spec.groups, oc = k[0] / groups, columns = k[1] * k[2] * k[3];
  const int64_t pixels = out[0] * out[1] * out[2];
  // Sums lie as they are computed: (part, group, panel of columns, output channel, column of the panel).
  const int64_t rows = round_up(oc, row_quantum), wide = round_up(columns, lanes), sum_size = groups * rows * wide;

  // Threads share the work as sums over parts of the pixels, added up at the end, and, where the weights are so large
  // that adding up would cost more, as slices of the columns.
  constexpr int64_t tasks = 8;
  int64_t parts = tasks;
  while (parts > 1 && (parts > pixels || parts * sum_size > (x.elements() + dy.elements()) / 4)) parts /= 2;
  const int64_t panels = Panel::number(columns), slices = std::min(tasks / parts, panels);
  Tensor sums({parts, sum_size});
  parallel_for(parts * slices, 1, [&](int64_t task, int64_t) {
    const int64_t part = task / slices, slice = task % slices;
    Tensor slopes({rows, weight_pixels}), windows({weight_pixels, panel_width});
    const int64_t stop = pixels * (part + 1) / parts;
    for (int64_t begin = pixels * part / parts; begin < stop; begin += weight_pixels) {
      const int64_t end = std::min(stop, begin + weight_pixels);
      for (int64_t group = 0; group < groups; ++group) {
        // (blocks of output channels, pixels, output channels of the block)
        float* to = slopes.data();
        for (int64_t o = 0; o < rows; o += lanes) {
          const int64_t width = std::min<int64_t>(lanes, rows - o), real = std::min(width, oc - o);
          for (int64_t p = begin; p < end; ++p, to += width) {
            std::fill(copy(dy.data() + p * out[3] + group * oc + o, real, to), to + width, 0.0f);
          }
        }
        for (int64_t index = panels * slice / slices; index < panels * (slice + 1) / slices; ++index) {
          const Panel panel(index, columns);
          copy_windows(x, k, out, spec, group, begin, end, panel, windows.data());
          with_vectors(panel.vectors, [&]<int V>() {
            for (int64_t o = 0; o < rows; o += lanes) {
              const int64_t width = std::min<int64_t>(lanes, rows - o);
              outer_products<V>(width, end - begin, slopes.data() + o * (end - begin), width, windows.data(),
                                sums.data() + part * sum_size + (group * wide + panel.begin) * rows + o * panel.width(),
                                begin > pixels * part / parts);
            }
          });
        }
      }
    }
  });
  parallel_for(k[0], 1, [&](int64_t o, int64_t) {
    for (int64_t index = 0; index < panels; ++index) {
      const Panel panel(index, columns);
      const float* from = sums.data() + (o / oc * wide + panel.begin) * rows + o % oc * panel.width();
      float* to = dweight.data() + o * columns + panel.begin;
      std::copy_n(from, panel.count, to);
      for (int64_t part = 1; part < parts; ++part) {
        for (int64_t i = 0; i < panel.count; ++i) to[i] += from[part * sum_size + i];
      }
    }
  });
}

}  // namespace engine::cpu::direct
