#include <algorithm>
#include <bit>

#include "engine/cpu/conv.h"
#include "engine/cpu/gather.h"
#include "engine/cpu/packed_weights.h"
#include "engine/cpu/prefetch.h"
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

/// The products of gathered pixels: y[p] = sum over taps of source[tap, p] weights[tap]; with accumulate, added to y.
class Products {
 public:
  Products(const Gather& gather, const PackedWeights& weights, int64_t groups, bool accumulate, Tensor& y)
      : gather_(gather),
        weights_(weights),
        groups_(groups),
        write_(way_to_write(y, weights.columns(), accumulate)),
        y_(y) {}

  /// For the panels [begin, end); fetches some of `ahead` before each tile.
  void run(int64_t begin, int64_t end, Prefetch& ahead) {
    for (int64_t group = 0; group < groups_; ++group) {
      for (int64_t index = begin; index < end; ++index) {
        const Panel panel = weights_.panel(index);
        with_vectors(panel.vectors, [&]<int V>() {
          for (int64_t p = 0; p < gather_.pixels(); p += tile_rows(V)) {
            ahead.next();
            tile<V>(group, index, panel, p);
          }
        });
      }
    }
  }

 private:
  // By itself, for in the loop around it the compiler runs out of registers.
  template <int V>
  [[gnu::noinline]] void tile(int64_t group, int64_t index, const Panel& panel, int64_t first) {
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
          [=](int r, int v) { return y + result[r] * channels + to + v * lanes; }, write_);
    } else {  // a tile that reaches beyond the result is computed aside
      float aside[R * V * lanes];
      const int64_t rows = std::min<int64_t>(R, pixels - first);
      gather_product<V>(
          taps, weights_.depth(),
          [=](int64_t t, int r) { return source[t * pixels + std::min<int64_t>(r, rows - 1)] + from; }, b,
          [&](int r, int v) { return aside + (r * V + v) * lanes; });
      for (int64_t r = 0; r < rows; ++r) {
        const float* from = aside + r * V * lanes;
        float* into = y + result[r] * channels + to;
        for (int64_t i = 0; i < panel.count; ++i) into[i] = write_ == Write::add ? into[i] + from[i] : from[i];
      }
    }
  }

  const Gather& gather_;
  const PackedWeights& weights_;
  int64_t groups_;
  Write write_;
  Tensor& y_;
};

/// Calls body(begin, end, first panel, end panel, ahead) for all of n, in parallel: in chunks of `grain`, where `ahead`
/// is what the next chunk will read of the input. Where chunks are few, the panels of each are shared out, too, which
/// costs a table of pointers more for each share, and nothing is ahead.
template <class Body>
void parallel_products(int64_t n, int64_t grain, const PackedWeights& weights, int64_t groups, const Tensor& input,
                       const Body& body) {
  const int64_t panels = weights.panels(),
                tiles = gather_pixels / tile_rows(weights.panel(0).vectors) * panels * groups;
  constexpr int64_t enough = 32;
  const int64_t chunks = divide_up(n, grain), slices = std::clamp<int64_t>(enough / chunks, 1, panels);
  parallel_for(chunks * slices, 1, [&](int64_t task, int64_t) {
    const int64_t begin = task / slices * grain, slice = task % slices;
    Prefetch ahead;
    if (slices == 1) ahead = next_chunk(input, begin, grain, n, tiles);
    body(begin, std::min(n, begin + grain), panels * slice / slices, panels * (slice + 1) / slices, ahead);
  });
}

}  // namespace

void forward(const Tensor& x, const Tensor& weight, const Conv2dSpec& spec, Tensor& y) {
  const PackedWeights weights(weight, spec.groups, PackedWeights::For::forward);
  const Shape& out = y.shape();
  parallel_products(out[0] * out[1] * out[2], gather_pixels, weights, spec.groups, x,
                    [&](int64_t begin, int64_t end, int64_t panel, int64_t end_panel, Prefetch& ahead) {
                      const Gather gather = gather_inputs(x, weight.shape(), spec, out, begin, end);
                      Products(gather, weights, spec.groups, false, y).run(panel, end_panel, ahead);
                    });
}

void backward_data(const Tensor& dy, const Tensor& weight, const Conv2dSpec& spec, bool accumulate, Tensor& dx) {
  const PackedWeights weights(weight, spec.groups, PackedWeights::For::backward_data);
  const Shape& in = dx.shape();
  parallel_products(in[0] * in[1], gather_rows(in, spec.stride), weights, spec.groups, dy,
                    [&](int64_t begin, int64_t end, int64_t panel, int64_t end_panel, Prefetch& ahead) {
                      for (int64_t phase = 0; phase < spec.stride * spec.stride; ++phase) {
                        const Gather gather = gather_slopes(dy, weight.shape(), spec, in, begin, end, phase);
                        if (accumulate && gather.taps.empty()) continue;
                        Products(gather, weights, spec.groups, accumulate, dx).run(panel, end_panel, ahead);
                      }
                    });
}

namespace {

// The gradient for the weights is a product (oc, pixels) x (pixels, taps ic). For a chunk of pixels both sides are
// copied together, in pieces that stay in the first-level cache while a tile of the sums runs over the pixels:
//
//     strips (oc / strip_rows, pixels, strip_rows)
//     panels (columns / panel_width, pixels, panel_width), a block of columns at a time
//
// The spare floats after each strip and panel keep them off powers of two, and take what copy() writes too much.
constexpr int64_t weight_pixels = 96, block_panels = 8, spare = 16;
constexpr int64_t strip_size = weight_pixels * strip_rows + spare, panel_size = weight_pixels * panel_width + spare;
static_assert(spare >= lanes);

/// Copies a short run in whole vectors: reads up to `stop`, and writes beyond the run what is written again later.
inline void copy(const float* from, int64_t count, const float* stop, float* to) {
  for (int64_t i = 0; i < count; i += lanes) {
    if (from + i + lanes <= stop) store(to + i, load(from + i));
    else std::copy(from + i, from + count, to + i);
  }
}

/// Copies the slopes of pixels [first, last) in one group, `oc` channels from channel `begin`, in strips.
void copy_slopes(const Tensor& dy, int64_t begin, int64_t oc, int64_t first, int64_t last, float* strips) {
  for (int64_t p = first; p < last; ++p, strips += strip_rows) {
    const float* from = dy.data() + p * dy.shape()[3] + begin;
    int64_t o = 0;
    for (; o + lanes <= oc; o += lanes) store(strips + o / strip_rows * strip_size + o % strip_rows, load(from + o));
    float* to = strips + o / strip_rows * strip_size + o % strip_rows;
    if (o < oc) std::fill(std::copy(from + o, from + oc, to), to + lanes, 0.0f);
  }
}

/// Copies columns [begin, end) of the windows of pixels [first, last) of y, for one group, in panels whose rows are
/// `row` floats apart, and zeros up to a whole vector.
void copy_windows(const Tensor& x, const Shape& k, const Shape& y, const Conv2dSpec& spec, int64_t group, int64_t first,
                  int64_t last, int64_t begin, int64_t end, float* panels, int64_t row) {
  const Shape& in = x.shape();
  const int64_t ic = k[3], first_tap = begin / ic, first_channel = begin % ic, count = end - begin;
  const int64_t first_ky = first_tap / k[2], first_kx = first_tap % k[2];
  const float *outside = zeros(ic + lanes), *x_end = x.data() + x.elements();
  Walk at(first, y[1], y[2]);
  for (int64_t p = first; p < last; ++p, panels += row, at.next()) {
    const int64_t y0 = at.y * spec.stride - spec.pad, x0 = at.x * spec.stride - spec.pad;
    // A row of the window is one run of memory, unless it leaves the image or pixels hold channels of other groups.
    const bool whole_rows = spec.groups == 1 && x0 >= 0 && x0 + k[2] <= in[2];
    int64_t ky = first_ky, kx = first_kx, channel = first_channel;
    for (int64_t column = 0; column < count;) {
      const int64_t iy = y0 + ky, ix = x0 + kx;
      const bool inside = iy >= 0 && iy < in[1] && ix >= 0 && ix < in[2];
      const int64_t taps = whole_rows && inside ? k[2] - kx : 1;
      const float* from =
          inside ? x.data() + ((at.image * in[1] + iy) * in[2] + ix) * in[3] + group * ic + channel : outside;
      for (const int64_t stop = std::min(count, column + taps * ic - channel); column < stop;) {
        const int64_t in_panel = column % panel_width, some = std::min(stop - column, panel_width - in_panel);
        copy(from, some, inside ? x_end : outside + ic + lanes, panels + column / panel_width * panel_size + in_panel);
        from += some;
        column += some;
      }
      channel = 0;
      kx += taps;
      if (kx == k[2]) kx = 0, ++ky;
    }
    if (count % lanes != 0) store(panels + count / panel_width * panel_size + count % panel_width, Vector{});
  }
}

}  // namespace

void backward_weight(const Tensor& dy, const Tensor& x, const Conv2dSpec& spec, Tensor& dweight) {
  const Shape &k = dweight.shape(), &out = dy.shape();
  const int64_t groups = spec.groups, oc = k[0] / groups, columns = k[1] * k[2] * k[3];
  const int64_t pixels = out[0] * out[1] * out[2];
  // Sums lie as they are computed: (part, group, panel of columns, output channel, column of the panel).
  const int64_t rows = round_up(oc, row_quantum), wide = round_up(columns, lanes), row = std::min(wide, panel_width);
  const int64_t sum_size = groups * rows * wide;

  // Threads share the work as sums over parts of the pixels, added up at the end, and, where the weights are so large
  // that adding up would cost more, as slices of the columns and of the output channels, so that little is copied
  // twice. The parts decide the rounding; the slices do not, and are as many as the threads need.
  int64_t parts = 8;
  while (parts > 1 && (parts > pixels || parts * sum_size > (x.elements() + dy.elements()) / 4)) parts /= 2;
  int64_t across = std::bit_ceil(static_cast<uint64_t>(std::max<int64_t>(1, 2 * threads() / parts))), down = 1;
  while (across > 1 && rows * across > 2 * columns * down) across /= 2, down *= 2;
  const int64_t panels = Panel::number(columns), all_strips = divide_up(rows, strip_rows);
  across = std::min(across, panels);
  down = std::min(down, all_strips);
  Tensor sums({parts, sum_size});
  parallel_for(parts * across * down, 1, [&](int64_t task, int64_t) {
    const int64_t part = task / (across * down), slice = task / down % across, layer = task % down;
    const int64_t left = panels * slice / across, right = panels * (slice + 1) / across;
    const int64_t top = all_strips * layer / down * strip_rows,
                  bottom = std::min(rows, all_strips * (layer + 1) / down * strip_rows);
    const int64_t start = pixels * part / parts, stop = pixels * (part + 1) / parts;
    // What it reads of a pixel: its own channels alone, but all of x where columns are more than channels.
    const bool pointwise = groups == 1 && k[1] * k[2] == 1;
    const int64_t x_first = pointwise ? left * panel_width : 0, dy_first = groups == 1 ? top : 0;
    const int64_t x_count = pointwise ? std::min(columns, right * panel_width) - x_first : x.shape()[3];
    const int64_t dy_count = groups == 1 ? std::min(oc, bottom) - top : dy.shape()[3];
    Tensor strips({all_strips, strip_size}), windows({block_panels, panel_size});
    for (int64_t first = start; first < stop; first += weight_pixels) {
      const int64_t last = std::min(stop, first + weight_pixels);
      const int64_t calls = groups * (right - left) * (bottom - top) / tile_rows(max_vectors) + 1;
      const int64_t next = std::min(stop, last + weight_pixels);
      NextBlock ahead({x, last, next, pixels, x_first, x_count, Prefetch::To::read, calls},
                      {dy, last, next, pixels, dy_first, dy_count, Prefetch::To::read, calls});
      const auto fetch = [&] { ahead.next(); };
      for (int64_t group = 0; group < groups; ++group) {
        copy_slopes(dy, group * oc + top, std::min(oc, bottom) - top, first, last, strips.data());
        for (int64_t begin = left; begin < right; begin += block_panels) {
          const int64_t end = std::min(right, begin + block_panels);
          copy_windows(x, k, out, spec, group, first, last, begin * panel_width, std::min(columns, end * panel_width),
                       windows.data(), row);
          for (int64_t index = begin; index < end; ++index) {
            const Panel panel(index, columns);
            with_vectors(panel.vectors, [&]<int V>() {
              const float* strip = strips.data();
              for (int64_t o = top; o < bottom; o += strip_rows, strip += strip_size) {
                outer_products<V>(
                    std::min<int64_t>(strip_rows, bottom - o), last - first, strip, strip_rows,
                    windows.data() + (index - begin) * panel_size, row,
                    sums.data() + part * sum_size + (group * wide + panel.begin) * rows + o * panel.width(),
                    first > start, fetch);
              }
            });
          }
        }
      }
    }
  });
  parallel_for(k[0], lanes, [&](int64_t begin, int64_t end) {
    for (int64_t index = 0; index < panels; ++index) {
      const Panel panel(index, columns);
      for (int64_t o = begin; o < end; ++o) {
        const float* from = sums.data() + (o / oc * wide + panel.begin) * rows + o % oc * panel.width();
        float* to = dweight.data() + o * columns + panel.begin;
        std::copy_n(from, panel.count, to);
        for (int64_t part = 1; part < parts; ++part) {
          for (int64_t i = 0; i < panel.count; ++i) to[i] += from[part * sum_size + i];
        }
      }
    }
  });
}

}  // namespace engine::cpu::direct
