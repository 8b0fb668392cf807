#include <algorithm>
#include <vector>

#include "engine/cpu/conv.h"
#include "engine/cpu/prefetch.h"
#include "engine/cpu/tile.h"
#include "engine/cpu/winograd_tiles.h"
#include "engine/parallel.h"

// The gradient for the weights by Winograd's filtering, dg = G^T [ (B^T d B) * (A dy A^T) ] G, which winograd.cpp
// explains: at each position a product (oc, tiles) x (tiles, ic), summed over blocks of tiles.
namespace engine::cpu::winograd {
namespace {

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
      const int64_t calls = positions<Stride> * Panel::number(ic) * oc / tile_rows(max_vectors);
      NextBlock ahead(x, dy, end, std::min(stop, end + part_block), count, calls);
      const auto fetch = [&] { ahead.next(); };
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

void backward_weight(const Tensor& dy, const Tensor& x, const Conv2dSpec& spec, Tensor& dweight) {
  with_stride(spec.stride, [&]<class Stride>() { sum_weight_gradient<Stride>(dy, x, spec.pad, dweight); });
}

}  // namespace engine::cpu::winograd
