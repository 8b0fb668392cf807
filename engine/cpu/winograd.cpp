#include <algorithm>
#include <array>
#include <optional>
#include <type_traits>
#include <vector>

#include "engine/cpu/conv.h"
#include "engine/cpu/packed_weights.h"
#include "engine/cpu/prefetch.h"
#include "engine/cpu/winograd_tiles.h"
#include "engine/parallel.h"

// Winograd's minimal filtering (Winograd, 1980; Lavin, Gray, 2016). A 4x4 tile of a 3x3 convolution's output needs 36
// multiplications instead of 144 once the tile d of the input that it depends on and the filter g are transformed, rows
// and columns alike:
//
//   y = A^T [ (G g G^T) * (B^T d B) ] A                     * element by element, at each of 36 positions
//
// and, summed over input channels, each position is a matrix product (tiles, ic) x (ic, oc). The gradient for the
// weights is the adjoint: dg = G^T [ (B^T d B) * (A dy A^T) ] G, a product (oc, tiles) x (tiles, ic) at each position.
// The gradient for the input is the same convolution with the filters turned by 180 degrees. At stride 2 there are 81
// positions, some of which share one of 36 filters. winograd_stride1.h and winograd_stride2.h hold the matrices.
//
// What decides the speed is that no transformed tile travels to memory. Transformed they take 2.25 times the room (at
// stride 2 less before and more after the product), so that a block of tiles is transformed, multiplied and transformed
// back while it is in the cache, most of it in the second level:
//
//        x              V (positions, tiles, ic)       M (positions, tiles, panel)     y
//    +--+--+--+            +------+                    +------+                +--+--+--+
//    |##|  |  | -- B^T d B |      | -- x U (36, ic,    |      | -- A^T m A --  |##|  |  |
//    +--+--+--+            +------+       panel)       +------+                +--+--+--+
//     block of tiles
//
// While it multiplies, what the next transforms will read and write is fetched.
//
// Where the filters U are larger than all tiles together (few pixels, many channels) the loops change places: V is made
// for all tiles, and each thread makes the filters of one panel of output channels and uses them at once. Gradients of
// filters that large are summed up filter by filter, over as many tiles as the last-level cache holds.
namespace engine::cpu::winograd {
namespace {

/// Where the 3x3 filters of a panel of result columns are: tap t of depth d at taps[t] + d stride, a row of the panel.
struct Filters {
  std::array<const float*, 9> taps;
  int64_t stride;
};

/// y = a convolution of x with 3x3 filters, in one direction of a stride; find(panel) says where its filters are. With
/// accumulate, added to y.
template <class Stride, class Direction, class Find>
class Convolution {
 public:
  Convolution(const Tensor& x, Find find, int64_t pad, bool accumulate, const Tiles& tiles, Tensor& y)
      : x_(x),
        find_(find),
        ic_(x.shape()[3]),
        oc_(y.shape()[3]),
        pad_(pad),
        tiles_(tiles),
        write_(way_to_write(y, y.shape()[3], accumulate)),
        y_(y) {
    // What lies beyond the image is written to one place again and again, which the cache should keep.
    constexpr int64_t step = Direction::output_step;
    const bool beyond = y.shape()[1] % step != 0 || y.shape()[2] % step != 0;
    if (beyond && write_ == Write::past_cache) write_ = Write::over;
  }

  void run() {
    const int64_t count = tiles_.count, panels = Panel::number(oc_);
    if (filter_count * ic_ * oc_ > positions<Stride> * count * (ic_ + oc_)) {
      Planes v(positions<Stride>, round_up(count, whole_tiles), ic_, ic_);
      parallel_for(count, 4, [&](int64_t begin, int64_t end) { inputs(begin, end, v, begin); });
      parallel_for(panels, 1, [&](int64_t index, int64_t) {
        const Planes u = transform_filters(Panel(index, oc_));
        Prefetch nothing;
        for (int64_t begin = 0; begin < count; begin += block) {
          outputs(v, begin, u, Panel(index, oc_), begin, std::min(count, begin + block), nothing);
        }
      });
    } else {
      std::vector<std::optional<Planes>> u(static_cast<size_t>(panels));
      parallel_for(panels, 1, [&](int64_t index, int64_t) {
        u[static_cast<size_t>(index)] = transform_filters(Panel(index, oc_));
      });
      parallel_for(count, block, [&](int64_t begin, int64_t end) {
        Planes v(positions<Stride>, block, ic_, ic_);
        inputs(begin, end, v, 0);
        Prefetch ahead = next_chunk(x_, begin, block, count, panels * calls_of(Panel(0, oc_)));
        for (int64_t index = 0; index < panels; ++index) {
          outputs(v, 0, *u[static_cast<size_t>(index)], Panel(index, oc_), begin, end, ahead);
        }
      });
    }
  }

 private:
  static constexpr int64_t block = whole_tiles;  // tiles that are computed together

  void inputs(int64_t begin, int64_t end, Planes& v, int64_t row) const {
    transform_tiles<typename Direction::Input>(tiles_, x_, Direction::input_step, pad_, begin, end, v, row);
  }

  Planes transform_filters(const Panel& panel) const {
    const Filters filters = find_(panel);
    Planes u(filter_count, ic_, panel.width(), panel.width());
    const int64_t size = u.size;
    for (int64_t d = 0; d < ic_; ++d) {
      float* to = u.at(0, d, 0);
      for (int64_t k = 0; k < panel.width(); k += lanes) {
        transform<typename Stride::Filter>(
            [&](int i, int j) { return load(filters.taps[static_cast<size_t>(i * 3 + j)] + d * filters.stride + k); },
            [&](int i, int j, Vector value) { store(to + (i * Stride::Filter::out + j) * size + k, value); });
      }
    }
    return u;
  }

  /// Calls of gather_product for a block and a panel.
  static int64_t calls_of(const Panel& panel) { return positions<Stride> * block / tile_rows(panel.vectors); }

  /// The output tiles [begin, end) of a panel, from the rows of v from `row` on. Fetches some of `ahead` meanwhile, and
  /// where the result will be written.
  void outputs(const Planes& v, int64_t row, const Planes& u, const Panel& panel, int64_t begin, int64_t end,
               Prefetch& ahead) {
    const int64_t count = end - begin;
    Planes m(positions<Stride>, block, panel.width(), panel.width());
    Prefetch result;
    if (write_ != Write::past_cache) {
      result = {y_, begin, end, tiles_.count, panel.begin, panel.count, Prefetch::To::write, calls_of(panel)};
    }
    const auto products = [&](auto ic) {
      with_vectors(panel.vectors, [&]<int V>() {
        for (int64_t p = 0; p < positions<Stride>; ++p) {
          const float* filters = u.at(position_table<Stride>[static_cast<size_t>(p)].filter, 0, 0);
          for (int64_t i = 0; i < count; i += tile_rows(V)) {
            ahead.next();
            result.next();
            gather_product<V>(
                1, ic, [in = v.at(p, row + i, 0), ic](int64_t, int r) { return in + r * ic; },
                [=](int64_t) { return filters; },
                [out = m.at(p, i, 0)](int r, int v) { return out + (r * V + v) * lanes; });
          }
        }
      });
    };
    // The sums of few channels are so short that finding the rows would take as long: their distance is a constant.
    if (ic_ == lanes) products(std::integral_constant<int64_t, lanes>());
    else products(ic_);
    using Map = typename Direction::Output;
    Tensor nowhere({oc_});
    Pixels<Map::out, float> pixels(y_.data(), y_.shape(), Direction::output_step, 0, nowhere.data());
    Walk at = tiles_.from(begin);
    for (int64_t i = 0; i < count; ++i, at.next()) {
      pixels.go_to(at);
      const float* from = m.at(0, i, 0);
      const int64_t size = m.size;
      for (int64_t k = 0; k < panel.width(); k += lanes) {
        transform<Map>([&](int i, int j) { return load(from + (i * Map::in + j) * size + k); },
                       [&](int i, int j, Vector value) {
                         float* to = pixels(i, j) + panel.begin + k;
                         store(to, value, write_);
                       });
      }
    }
  }

  const Tensor& x_;
  Find find_;
  int64_t ic_, oc_, pad_;
  Tiles tiles_;
  Write write_;
  Tensor& y_;
};

}  // namespace

bool fits(const Shape& x, const Shape& weight, const Conv2dSpec& spec) {
  return weight[1] == 3 && weight[2] == 3 && spec.groups == 1 && x[3] % lanes == 0 && weight[0] % lanes == 0 &&
         (spec.stride == 1 ? spec.pad <= 2 : spec.stride == 2 && spec.pad == 1);
}

bool pays(const Shape& y, int64_t stride) {
  const int64_t each = stride == 1 ? positions<Stride1> : positions<Stride2>;
  return each * Tiles({1, y[1], y[2], 1}).count * 5 < 9 * y[1] * y[2] * 4;
}

void forward(const Tensor& x, const Tensor& weight, const Conv2dSpec& spec, Tensor& y) {
  const PackedWeights weights(weight, 1, PackedWeights::For::forward);
  const auto find = [&](const Panel& panel) {
    Filters filters{{}, panel.width()};
    for (size_t t = 0; t < 9; ++t) filters.taps[t] = weights.tap(0, panel.begin / panel_width, static_cast<int64_t>(t));
    return filters;
  };
  with_stride(spec.stride, [&]<class Stride>() {
    using Direction = typename Stride::Forward;
    Convolution<Stride, Direction, decltype(find)>(x, find, spec.pad, false, Tiles(y.shape()), y).run();
  });
}

void backward_data(const Tensor& dy, const Tensor& weight, const Conv2dSpec& spec, bool accumulate, Tensor& dx) {
  // The weights as they are, turned by 180 degrees: a row of input channels for every tap and output channel.
  const int64_t ic = weight.shape()[3];
  const auto find = [&](const Panel& panel) {
    Filters filters{{}, 9 * ic};
    for (size_t t = 0; t < 9; ++t) {
      filters.taps[t] = weight.data() + (8 - static_cast<int64_t>(t)) * ic + panel.begin;
    }
    return filters;
  };
  with_stride(spec.stride, [&]<class Stride>() {
    using Direction = typename Stride::BackwardData;
    const Shape& in = dx.shape();
    constexpr int64_t shrink = Direction::output_step / tile_size;
    const Tiles tiles({in[0], divide_up(in[1], shrink), divide_up(in[2], shrink), in[3]});
    const int64_t pad = spec.stride == 1 ? 2 - spec.pad : 0;
    Convolution<Stride, Direction, decltype(find)>(dy, find, pad, accumulate, tiles, dx).run();
  });
}

}  // namespace engine::cpu::winograd
