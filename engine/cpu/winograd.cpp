#include <algorithm>
#include <array>
#include <optional>
#include <type_traits>
#include <vector>

#include "engine/cpu/conv.h"
#include "engine/cpu/gather.h"
#include "engine/cpu/packed_weights.h"
#include "engine/cpu/prefetch.h"
#include "engine/cpu/winograd_stride1.h"
#include "engine/cpu/winograd_stride2.h"
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

constexpr int tile_size = 4;          // of the convolution's output
constexpr int64_t filter_count = 36;  // of transformed filters

/// A position of a transformed tile: which filter it is multiplied with, and whether it is the first with that one.
struct Position {
  int64_t filter;
  bool first;
};

/// The positions for a stride, row by row.
template <class Stride>
constexpr auto position_table = [] {
  constexpr int64_t products = Stride::products;
  std::array<Position, products * products> table{};
  std::array<bool, filter_count> met{};
  for (size_t p = 0; p < table.size(); ++p) {
    const int filter = Stride::filter_of(p / products) * Stride::Filter::out + Stride::filter_of(p % products);
    table[p] = {filter, !met[static_cast<size_t>(filter)]};
    met[static_cast<size_t>(filter)] = true;
  }
  return table;
}();

template <class Stride>
constexpr int64_t positions = position_table<Stride>.size();

/// Calls run.template operator()<Stride>().
template <class Run>
void with_stride(int64_t stride, Run run) {
  if (stride == 1) run.template operator()<Stride1>();
  else run.template operator()<Stride2>();
}

/// The 4x4 tiles of an output (n, oh, ow, oc), counted image by image and row by row.
struct Tiles {
  explicit Tiles(const Shape& y)
      : rows((y[1] + tile_size - 1) / tile_size),
        columns((y[2] + tile_size - 1) / tile_size),
        count(y[0] * rows * columns) {}

  Walk from(int64_t tile) const { return {tile, rows, columns}; }

  int64_t rows, columns, count;
};

/// Finds the Size x Size pixels of a tile in images of a shape; `outside` stands for those beyond the image. Tiles lie
/// `step` pixels apart, and the first begins `pad` pixels before the image.
template <int Size, class Float>
class Pixels {
 public:
  Pixels(Float* images, const Shape& shape, int64_t step, int64_t pad, Float* outside)
      : step_(step), pad_(pad), images_(images), shape_(shape), outside_(outside) {
    for (int64_t i = 0; i < Size * Size; ++i) offsets_[i] = (i / Size * shape[2] + i % Size) * shape[3];
  }

  void go_to(const Walk& at) {
    const int64_t h = shape_[1], w = shape_[2], y0 = at.y * step_ - pad_, x0 = at.x * step_ - pad_;
    Float* corner = images_ + ((at.image * h + y0) * w + x0) * shape_[3];
    for (int k = 0; k < Size * Size; ++k) pointers_[k] = corner + offsets_[k];
    for (int i = 0; i < Size; ++i) {
      if (y0 + i >= 0 && y0 + i < h) continue;
      for (int j = 0; j < Size; ++j) pointers_[i * Size + j] = outside_;
    }
    for (int j = 0; j < Size; ++j) {
      if (x0 + j >= 0 && x0 + j < w) continue;
      for (int i = 0; i < Size; ++i) pointers_[i * Size + j] = outside_;
    }
  }

  Float* operator()(int i, int j) const { return pointers_[i * Size + j]; }

 private:
  int64_t step_, pad_;
  Float* images_;
  Shape shape_;
  Float* outside_;
  int64_t offsets_[Size * Size];
  Float* pointers_[Size * Size];
};

/// Matrices (rows, columns), one for each position, stored in panels of columns: (position, panel, row, column). The
/// 16 floats after each keep positions off powers of two, which would compete for the same cache lines.
struct Planes {
  Planes(int64_t count, int64_t rows, int64_t columns, int64_t panel)
      : rows(rows), columns(columns), panel(panel), size(rows * columns + 16), memory({count, size}) {}

  /// Row `row` of the panel that begins at column `begin`.
  float* at(int64_t position, int64_t row, int64_t begin) {
    return memory.data() + position * size + begin * rows + row * width(begin);
  }
  const float* at(int64_t position, int64_t row, int64_t begin) const {
    return memory.data() + position * size + begin * rows + row * width(begin);
  }
  int64_t width(int64_t begin) const { return std::min(panel, columns - begin); }

  int64_t rows, columns, panel, size;
  Tensor memory;
};

/// Writes the transformed tiles [begin, end) of x to the rows of `planes` from `row` on.
template <class Map>
void transform_tiles(const Tiles& tiles, const Tensor& x, int64_t step, int64_t pad, int64_t begin, int64_t end,
                     Planes& planes, int64_t row) {
  const int64_t c = x.shape()[3], size = planes.size;
  Pixels<Map::in, const float> pixels(x.data(), x.shape(), step, pad, zero_channels(c));
  Walk at = tiles.from(begin);
  for (int64_t tile = begin; tile < end; ++tile, ++row, at.next()) {
    pixels.go_to(at);
    for (int64_t panel = 0; panel < c; panel += planes.panel) {
      float* to = planes.at(0, row, panel);
      for (int64_t k = 0; k < planes.width(panel); k += lanes) {
        transform<Map>([&](int i, int j) { return load(pixels(i, j) + panel + k); },
                       [&](int i, int j, Vector value) { store(to + (i * Map::out + j) * size + k, value); });
      }
    }
  }
}

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
        accumulate_(accumulate),
        y_(y) {}

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
        // The next block of this thread is most likely the one after those that others have now.
        const int64_t next = begin + threads() * block;
        const int64_t calls = panels * calls_of(Panel(0, oc_));
        Prefetch ahead(x_, next, next + block, count, Prefetch::To::read, calls);
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
    Prefetch result(y_, begin, end, tiles_.count, panel.begin, panel.count, Prefetch::To::write, calls_of(panel));
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
                         store(to, accumulate_ ? load(to) + value : value);
                       });
      }
    }
  }

  const Tensor& x_;
  Find find_;
  int64_t ic_, oc_, pad_;
  Tiles tiles_;
  bool accumulate_;
  Tensor& y_;
};

constexpr int64_t depth_block = 128;         // tiles of a sum whose panel stays near the first-level cache
constexpr int64_t part_block = whole_tiles;  // tiles that stay, transformed, near the second-level cache
constexpr int64_t largest_sums = 1 << 20;    // floats: a few times a second-level cache
constexpr int64_t last_level = 2 << 20;      // floats: a core's share of the last-level cache

/// du(f, o) = sum over the first `count` tiles and the positions p of filter f of z(p, tile)[o] v(p, tile)[0, ic), for
/// the filters [begin, end); with accumulate, added to du. Panels of z are strips. Calls before() ahead of every tile
/// of sums.
template <class Stride, class Before>
void multiply(const Planes& z, const Planes& v, int64_t count, int64_t begin, int64_t end, bool accumulate,
              Before before, Planes& du) {
  for (int64_t p = 0; p < positions<Stride>; ++p) {
    const Position position = position_table<Stride>[static_cast<size_t>(p)];
    const int64_t filter = position.filter;
    if (filter < begin || filter >= end) continue;
    const bool add = accumulate || !position.first;
    for (int64_t index = 0; index < Panel::number(v.columns); ++index) {
      const Panel panel(index, v.columns);
      with_vectors(panel.vectors, [&]<int V>() {
        for (int64_t t = 0; t < count; t += depth_block) {
          for (int64_t o = 0; o < z.columns; o += z.panel) {
            outer_products<V>(z.width(o), std::min(depth_block, count - t), z.at(p, t, o), z.width(o),
                              v.at(p, t, panel.begin), V * lanes, du.at(filter, o, panel.begin), add || t > 0, before);
          }
        }
      });
    }
  }
}

/// dweight of the output channels [begin, end).
template <class Stride>
void weight_gradient(const Planes& du, int64_t begin, int64_t end, Tensor& dweight) {
  const int64_t ic = du.columns, size = du.size;
  for (int64_t o = begin; o < end; ++o) {
    for (int64_t panel = 0; panel < ic; panel += du.panel) {
      const float* from = du.at(0, o, panel);
      float* to = dweight.data() + o * 9 * ic + panel;
      for (int64_t k = 0; k < du.width(panel); k += lanes) {
        transform<typename Stride::Weight>(
            [&](int i, int j) { return load(from + (i * Stride::Weight::in + j) * size + k); },
            [&](int i, int j, Vector value) { store(to + (i * 3 + j) * ic + k, value); });
      }
    }
  }
}

/// backward_weight at a stride.
template <class Stride>
void sum_weight_gradient(const Tensor& dy, const Tensor& x, int64_t pad, Tensor& dweight) {
  const Tiles tiles(dy.shape());
  const int64_t ic = x.shape()[3], oc = dy.shape()[3], count = tiles.count;
  const auto transform_both = [&](int64_t begin, int64_t end, Planes& v, Planes& z, int64_t row) {
    using Input = typename Stride::Forward::Input;
    transform_tiles<Input>(tiles, x, Stride::Forward::input_step, pad, begin, end, v, row);
    transform_tiles<typename Stride::Slope>(tiles, dy, tile_size, 0, begin, end, z, row);
  };
  const auto v_planes = [&](int64_t rows) { return Planes(positions<Stride>, rows, ic, panel_width); };
  const auto z_planes = [&](int64_t rows) { return Planes(positions<Stride>, rows, oc, strip_rows); };
  const auto sum_planes = [&] { return Planes(filter_count, oc, ic, panel_width); };
  if (filter_count * ic * oc > largest_sums) {
    // Filter by filter, over as many tiles at a time as the last-level cache holds.
    const int64_t most = round_up(last_level / (positions<Stride> * (ic + oc)) + 1, depth_block);
    const int64_t block = std::min(most, count);
    Planes v = v_planes(block), z = z_planes(block), du = sum_planes();
    for (int64_t first = 0; first < count; first += block) {
      const int64_t some = std::min(block, count - first);
      parallel_for(some, 4,
                   [&](int64_t begin, int64_t end) { transform_both(first + begin, first + end, v, z, begin); });
      parallel_for(filter_count, 1, [&](int64_t begin, int64_t end) {
        multiply<Stride>(
            z, v, some, begin, end, first > 0, [] {}, du);
      });
    }
    parallel_for(oc, lanes, [&](int64_t begin, int64_t end) { weight_gradient<Stride>(du, begin, end, dweight); });
    return;
  }

  // Sums over parts of the tiles, added up in order.
  const int64_t parts = std::min<int64_t>(8, count);
  std::vector<Planes> sums;
  for (int64_t part = 0; part < parts; ++part) sums.push_back(sum_planes());
  parallel_for(parts, 1, [&](int64_t part, int64_t) {
    Planes v = v_planes(part_block), z = z_planes(part_block);
    const int64_t start = count * part / parts, stop = count * (part + 1) / parts;
    for (int64_t begin = start; begin < stop; begin += part_block) {
      const int64_t end = std::min(stop, begin + part_block);
      transform_both(begin, end, v, z, 0);
      const int64_t next_end = std::min(stop, end + part_block);
      const int64_t calls = positions<Stride> * Panel::number(ic) * oc / tile_rows(max_vectors);
      Prefetch next_x(x, end, next_end, count, Prefetch::To::read, calls);
      Prefetch next_dy(dy, end, next_end, count, Prefetch::To::read, calls);
      const auto fetch = [&] { next_x.next(), next_dy.next(); };
      multiply<Stride>(z, v, end - begin, 0, filter_count, begin > start, fetch, sums[static_cast<size_t>(part)]);
    }
  });
  Planes& total = sums[0];
  parallel_for(filter_count, 1, [&](int64_t filter, int64_t) {
    float* to = total.at(filter, 0, 0);
    for (size_t part = 1; part < sums.size(); ++part) {
      const float* from = sums[part].at(filter, 0, 0);
      for (int64_t i = 0; i < oc * ic; ++i) to[i] += from[i];
    }
  });
  parallel_for(oc, lanes, [&](int64_t begin, int64_t end) { weight_gradient<Stride>(total, begin, end, dweight); });
}

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
    const Tiles tiles({in[0], (in[1] + shrink - 1) / shrink, (in[2] + shrink - 1) / shrink, in[3]});
    const int64_t pad = spec.stride == 1 ? 2 - spec.pad : 0;
    Convolution<Stride, Direction, decltype(find)>(dy, find, pad, accumulate, tiles, dx).run();
  });
}

void backward_weight(const Tensor& dy, const Tensor& x, const Conv2dSpec& spec, Tensor& dweight) {
  with_stride(spec.stride, [&]<class Stride>() { sum_weight_gradient<Stride>(dy, x, spec.pad, dweight); });
}

}  // namespace engine::cpu::winograd
