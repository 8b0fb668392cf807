#include <algorithm>

#include "engine/kernels.h"
#include "engine/parallel.h"

namespace engine::cpu {
namespace {

/// The pixels of a window that lie inside the image, as offsets from the start of its image.
struct Window {
  int64_t y0, y1, x0, x1;
};

/// Calls visit(image, output pixel, window) for every output pixel of the images in [begin, end).
template <class Visit>
void for_windows(const Shape& in, const Shape& out, const Pool2dSpec& spec, int64_t begin, int64_t end, Visit visit) {
  for (int64_t i = begin; i < end; ++i) {
    for (int64_t oy = 0; oy < out[1]; ++oy) {
      for (int64_t ox = 0; ox < out[2]; ++ox) {
        const int64_t y = oy * spec.stride - spec.pad, x = ox * spec.stride - spec.pad;
        visit(i, (i * out[1] + oy) * out[2] + ox,
              Window{std::max<int64_t>(y, 0), std::min(y + spec.kernel, in[1]), std::max<int64_t>(x, 0),
                     std::min(x + spec.kernel, in[2])});
      }
    }
  }
}

}  // namespace

void max_pool2d(const Tensor& x, const Pool2dSpec& spec, Tensor& y) {
  const Shape in = x.shape();
  const int64_t c = in[3];
  parallel_for(in[0], 1, [&](int64_t begin, int64_t end) {
    for_windows(in, y.shape(), spec, begin, end, [&](int64_t i, int64_t pixel, const Window& window) {
      float* best = y.data() + pixel * c;
      bool first = true;
      for (int64_t wy = window.y0; wy < window.y1; ++wy) {
        for (int64_t wx = window.x0; wx < window.x1; ++wx) {
          const float* value = x.data() + ((i * in[1] + wy) * in[2] + wx) * c;
          if (first) std::copy_n(value, c, best);
          else
            for (int64_t k = 0; k < c; ++k) best[k] = value[k] > best[k] || value[k] != value[k] ? value[k] : best[k];
          first = false;
        }
      }
    });
  });
}

void max_pool2d_backward(const Tensor& dy, const Tensor& x, const Tensor& y, const Pool2dSpec& spec, Tensor& dx) {
  const Shape in = x.shape();
  const int64_t c = in[3];
  parallel_for(in[0], 1, [&](int64_t begin, int64_t end) {
    std::fill(dx.data() + begin * in[1] * in[2] * c, dx.data() + end * in[1] * in[2] * c, 0.0f);
    for_windows(in, y.shape(), spec, begin, end, [&](int64_t i, int64_t pixel, const Window& window) {
      for (int64_t k = 0; k < c; ++k) {
        const float best = y.data()[pixel * c + k];
        const auto give = [&] {
          for (int64_t wy = window.y0; wy < window.y1; ++wy) {
            for (int64_t wx = window.x0; wx < window.x1; ++wx) {
              const int64_t at = ((i * in[1] + wy) * in[2] + wx) * c + k;
              if (x.data()[at] == best) {
                dx.data()[at] += dy.data()[pixel * c + k];
                return;
              }
            }
          }
        };
        give();
      }
    });
  });
}

void avg_pool2d(const Tensor& x, const Pool2dSpec& spec, Tensor& y) {
  const Shape in = x.shape();
  const int64_t c = in[3];
  const float share = 1.0f / static_cast<float>(spec.kernel * spec.kernel);
  parallel_for(in[0], 1, [&](int64_t begin, int64_t end) {
    for_windows(in, y.shape(), spec, begin, end, [&](int64_t i, int64_t pixel, const Window& window) {
      float* mean = y.data() + pixel * c;
      std::fill_n(mean, c, 0.0f);
      for (int64_t wy = window.y0; wy < window.y1; ++wy) {
        for (int64_t wx = window.x0; wx < window.x1; ++wx) {
          const float* value = x.data() + ((i * in[1] + wy) * in[2] + wx) * c;
          for (int64_t k = 0; k < c; ++k) mean[k] += share * value[k];
        }
      }
    });
  });
}

void avg_pool2d_backward(const Tensor& dy, const Pool2dSpec& spec, Tensor& dx) {
  const Shape in = dx.shape();
  const int64_t c = in[3];
  const float share = 1.0f / static_cast<float>(spec.kernel * spec.kernel);
  parallel_for(in[0], 1, [&](int64_t begin, int64_t end) {
    std::fill(dx.data() + begin * in[1] * in[2] * c, dx.data() + end * in[1] * in[2] * c, 0.0f);
    for_windows(in, dy.shape(), spec, begin, end, [&](int64_t i, int64_t pixel, const Window& window) {
      for (int64_t wy = window.y0; wy < window.y1; ++wy) {
        for (int64_t wx = window.x0; wx < window.x1; ++wx) {
          float* slope = dx.data() + ((i * in[1] + wy) * in[2] + wx) * c;
          for (int64_t k = 0; k < c; ++k) slope[k] += share * dy.data()[pixel * c + k];
        }
      }
    });
  });
}

void global_avg_pool(const Tensor& x, Tensor& y) {
  const int64_t pixels = x.shape()[1] * x.shape()[2], c = x.shape()[3];
  parallel_for(x.shape()[0], 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      float* mean = y.data() + i * c;
      std::fill_n(mean, c, 0.0f);
      for (int64_t p = 0; p < pixels; ++p) {
        for (int64_t k = 0; k < c; ++k) mean[k] += x.data()[(i * pixels + p) * c + k];
      }
      for (int64_t k = 0; k < c; ++k) mean[k] /= static_cast<float>(pixels);
    }
  });
}

void global_avg_pool_backward(const Tensor& dy, Tensor& dx) {
  const int64_t pixels = dx.shape()[1] * dx.shape()[2], c = dx.shape()[3];
  parallel_for(dx.shape()[0], 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      for (int64_t p = 0; p < pixels; ++p) {
        for (int64_t k = 0; k < c; ++k) {
          dx.data()[(i * pixels + p) * c + k] = dy.data()[i * c + k] / static_cast<float>(pixels);
        }
      }
    }
  });
}

}  // namespace engine::cpu
