#include "engine/each.h"
#include "engine/kernels.h"

// A thread takes one number of the result. Backward it looks for the windows that its pixel lies in, so that nothing
// has to be added from two sides.
namespace engine::cuda {
namespace {

/// Extents and spec of a pooling, for the GPU.
struct Windows {
  int64_t h, w, c, oh, ow, kernel, stride, pad;

  Windows(const Shape& in, const Shape& out, const Pool2dSpec& spec)
      : h(in[1]), w(in[2]), c(in[3]), oh(out[1]), ow(out[2]), kernel(spec.kernel), stride(spec.stride), pad(spec.pad) {}

  /// The cells [y0, y1) x [x0, x1) of a grid.
  struct Range {
    int64_t y0, y1, x0, x1;
  };

  /// The pixels of window (oy, ox) that lie inside the image.
  DEMIX_HOST_DEVICE Range pixels(int64_t oy, int64_t ox) const {
    const int64_t y = oy * stride - pad, x = ox * stride - pad;
    return {y > 0 ? y : 0, y + kernel < h ? y + kernel : h, x > 0 ? x : 0, x + kernel < w ? x + kernel : w};
  }

  /// The windows that pixel (y, x) lies in.
  DEMIX_HOST_DEVICE Range windows(int64_t y, int64_t x) const { return {first(y), last(y, oh), first(x), last(x, ow)}; }

  /// Calls visit(offset in an image of c channels) for the pixels of a window until it returns true.
  template <class Visit>
  DEMIX_HOST_DEVICE void visit(const Range& range, Visit visit) const {
    for (int64_t y = range.y0; y < range.y1; ++y) {
      for (int64_t x = range.x0; x < range.x1; ++x) {
        if (visit((y * w + x) * c)) return;
      }
    }
  }

 private:
  DEMIX_HOST_DEVICE int64_t first(int64_t at) const {
    const int64_t below = at + pad - kernel;  // the last place whose window ends before it
    return below < 0 ? 0 : below / stride + 1;
  }
  DEMIX_HOST_DEVICE int64_t last(int64_t at, int64_t count) const {
    const int64_t end = (at + pad) / stride + 1;
    return end < count ? end : count;
  }
};

/// Where number i of a tensor (n, rows, columns, c) is.
struct Place {
  int64_t image, y, x, k;

  DEMIX_HOST_DEVICE Place(int64_t i, int64_t rows, int64_t columns, int64_t c)
      : image(i / (rows * columns * c)), y(i / (columns * c) % rows), x(i / c % columns), k(i % c) {}
};

template <class T>
void max_pool2d(const Tensor& x, const Pool2dSpec& spec, Tensor& y) {
  const Windows at(x.shape(), y.shape(), spec);
  const T* px = x.as<T>();
  T* py = y.as<T>();
  each(y.elements(), [=] DEMIX_DEVICE(int64_t i) {
    const Place to(i, at.oh, at.ow, at.c);
    const T* image = px + to.image * at.h * at.w * at.c + to.k;
    bool first = true;
    float best = 0;
    at.visit(at.pixels(to.y, to.x), [&](int64_t offset) {
      const float value = image[offset];
      if (first || value > best || value != value) best = value;
      first = false;
      return false;
    });
    py[i] = best;
  });
}

template <class T>
void max_pool2d_backward(const Tensor& dy, const Tensor& x, const Tensor& y, const Pool2dSpec& spec, Tensor& dx) {
  const Windows at(x.shape(), y.shape(), spec);
  const T *pdy = dy.as<T>(), *px = x.as<T>(), *py = y.as<T>();
  T* pdx = dx.as<T>();
  each(dx.elements(), [=] DEMIX_DEVICE(int64_t i) {
    const Place to(i, at.h, at.w, at.c);
    const T* image = px + to.image * at.h * at.w * at.c + to.k;
    const int64_t own = (to.y * at.w + to.x) * at.c;
    const Windows::Range windows = at.windows(to.y, to.x);
    float sum = 0;
    for (int64_t oy = windows.y0; oy < windows.y1; ++oy) {
      for (int64_t ox = windows.x0; ox < windows.x1; ++ox) {
        const int64_t out = ((to.image * at.oh + oy) * at.ow + ox) * at.c + to.k;
        const float best = py[out];
        at.visit(at.pixels(oy, ox), [&](int64_t offset) {
          if (image[offset] != best) return false;
          if (offset == own) sum += pdy[out];
          return true;
        });
      }
    }
    pdx[i] = sum;
  });
}

template <class T>
void avg_pool2d(const Tensor& x, const Pool2dSpec& spec, Tensor& y) {
  const Windows at(x.shape(), y.shape(), spec);
  const float share = 1.0f / static_cast<float>(spec.kernel * spec.kernel);
  const T* px = x.as<T>();
  T* py = y.as<T>();
  each(y.elements(), [=] DEMIX_DEVICE(int64_t i) {
    const Place to(i, at.oh, at.ow, at.c);
    const T* image = px + to.image * at.h * at.w * at.c + to.k;
    float sum = 0;
    at.visit(at.pixels(to.y, to.x), [&](int64_t offset) {
      sum += share * image[offset];
      return false;
    });
    py[i] = sum;
  });
}

template <class T>
void avg_pool2d_backward(const Tensor& dy, const Pool2dSpec& spec, Tensor& dx) {
  const Windows at(dx.shape(), dy.shape(), spec);
  const float share = 1.0f / static_cast<float>(spec.kernel * spec.kernel);
  const T* pdy = dy.as<T>();
  T* pdx = dx.as<T>();
  each(dx.elements(), [=] DEMIX_DEVICE(int64_t i) {
    const Place to(i, at.h, at.w, at.c);
    const Windows::Range windows = at.windows(to.y, to.x);
    float sum = 0;
    for (int64_t oy = windows.y0; oy < windows.y1; ++oy) {
      for (int64_t ox = windows.x0; ox < windows.x1; ++ox) {
        sum += share * pdy[((to.image * at.oh + oy) * at.ow + ox) * at.c + to.k];
      }
    }
    pdx[i] = sum;
  });
}

template <class T>
void global_avg_pool(const Tensor& x, Tensor& y) {
  const int64_t pixels = x.shape()[1] * x.shape()[2], c = x.shape()[3];
  const T* px = x.as<T>();
  float* py = y.data();
  each(y.elements(), [=] DEMIX_DEVICE(int64_t i) {
    const T* from = px + i / c * pixels * c + i % c;
    float sum = 0;
    for (int64_t p = 0; p < pixels; ++p) sum += from[p * c];
    py[i] = sum / static_cast<float>(pixels);
  });
}

template <class T>
void global_avg_pool_backward(const Tensor& dy, Tensor& dx) {
  const int64_t pixels = dx.shape()[1] * dx.shape()[2], c = dx.shape()[3];
  const float* pdy = dy.data();
  T* pdx = dx.as<T>();
  each(dx.elements(),
       [=] DEMIX_DEVICE(int64_t i) { pdx[i] = pdy[i / (pixels * c) * c + i % c] / static_cast<float>(pixels); });
}

}  // namespace

void max_pool2d(const Tensor& x, const Pool2dSpec& spec, Tensor& y) {
  by_type(x.dtype(), [&](auto zero) { max_pool2d<decltype(zero)>(x, spec, y); });
}

void max_pool2d_backward(const Tensor& dy, const Tensor& x, const Tensor& y, const Pool2dSpec& spec, Tensor& dx) {
  by_type(dx.dtype(), [&](auto zero) { max_pool2d_backward<decltype(zero)>(dy, x, y, spec, dx); });
}

void avg_pool2d(const Tensor& x, const Pool2dSpec& spec, Tensor& y) {
  by_type(x.dtype(), [&](auto zero) { avg_pool2d<decltype(zero)>(x, spec, y); });
}

void avg_pool2d_backward(const Tensor& dy, const Pool2dSpec& spec, Tensor& dx) {
  by_type(dx.dtype(), [&](auto zero) { avg_pool2d_backward<decltype(zero)>(dy, spec, dx); });
}

void global_avg_pool(const Tensor& x, Tensor& y) {
  by_type(x.dtype(), [&](auto zero) { global_avg_pool<decltype(zero)>(x, y); });
}

void global_avg_pool_backward(const Tensor& dy, Tensor& dx) {
  by_type(dx.dtype(), [&](auto zero) { global_avg_pool_backward<decltype(zero)>(dy, dx); });
}

}  // namespace engine::cuda
