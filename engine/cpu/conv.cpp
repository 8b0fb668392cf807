#include <algorithm>
#include <cstring>

#include "engine/cpu/gemm.h"
#include "engine/kernels.h"
#include "engine/parallel.h"

// A convolution is a matrix product once every output pixel's window is laid out as a row ("columns" in the
// literature's im2col). That is done for a band of output rows at a time, small enough to stay in cache: windows
// (pixels, kh kw ic) times weight^T (kh kw ic, oc) gives y (pixels, oc), which NHWC stores just so.
namespace engine::cpu {
namespace {

class Windows {
 public:
  Windows(const Shape& x, const Shape& weight, const Shape& y, const Conv2dSpec& spec)
      : x_(x),
        k_(weight),
        y_(y),
        spec_(spec),
        band_(std::max({int64_t{1}, min_pixels / y[2], max_floats / (y[2] * width())})) {}

  int64_t width() const { return k_[1] * k_[2] * k_[3]; }  // floats in a window, of one group
  int64_t rows() const { return y_[0] * y_[1]; }           // output rows of all images
  int64_t rows_of_image() const { return y_[1]; }
  int64_t band() const { return band_; }                     // output rows laid out at a time
  int64_t channels() const { return k_[0] / spec_.groups; }  // output channels of one group
  Tensor buffer() const { return plain() ? Tensor() : Tensor({band_ * y_[2], width()}); }

  /// The windows of group g for output rows [begin, end), in the buffer, or x itself where a window is one pixel.
  Matrix<const float> gather(const Tensor& x, int64_t begin, int64_t end, int64_t g, Tensor& buffer) const {
    const int64_t pixels = (end - begin) * y_[2];
    if (plain()) return {x.data() + begin * x_[2] * x_[3] + g * k_[3], pixels, width(), x_[3]};
    float* window = buffer.data();
    for_runs(begin, end, g, [&](int64_t at, int64_t before, int64_t inside, int64_t after) {
      if (before > 0) std::fill_n(window, before, 0.0f);
      copy(x.data() + at, window + before, inside);
      if (after > 0) std::fill_n(window + before + inside, after, 0.0f);
      window += before + inside + after;
    });
    return {buffer.data(), pixels, width(), width()};
  }

  /// Adds the windows back to the pixels they came from.
  void scatter(const Tensor& buffer, int64_t begin, int64_t end, int64_t g, Tensor& dx) const {
    const float* window = buffer.data();
    for_runs(begin, end, g, [&](int64_t at, int64_t before, int64_t inside, int64_t after) {
      add(window + before, dx.data() + at, inside);
      window += before + inside + after;
    });
  }

  /// The outputs of group g at output rows [begin, end), inside those of all.
  template <class Float>
  Matrix<Float> outputs(Float* y, int64_t begin, int64_t end, int64_t g) const {
    return {y + begin * y_[2] * y_[3] + g * channels(), (end - begin) * y_[2], channels(), y_[3]};
  }

  /// The weights of group g, a row for every output channel.
  Matrix<const float> weights(const Tensor& weight, int64_t g) const {
    return {weight.data() + g * channels() * width(), channels(), width(), width()};
  }

  bool plain() const { return k_[1] == 1 && k_[2] == 1 && spec_.stride == 1 && spec_.pad == 0; }

 private:
  // A band is half a MiB, unless that would leave the matrix product too few rows.
  static constexpr int64_t max_floats = 1 << 17, min_pixels = 192;

  /// Calls run(offset in x of the first float inside, floats before, inside, after) for every row of every window of
  /// the output rows: the part of the window's row outside the image is zeros before and after.
  template <class Run>
  void for_runs(int64_t begin, int64_t end, int64_t g, Run run) const {
    const int64_t ic = k_[3];
    for (int64_t row = begin; row < end; ++row) {
      const int64_t image = row / y_[1], y0 = row % y_[1] * spec_.stride - spec_.pad;
      for (int64_t ox = 0; ox < y_[2]; ++ox) {
        const int64_t x0 = ox * spec_.stride - spec_.pad;
        const int64_t first = std::clamp<int64_t>(-x0, 0, k_[2]), last = std::clamp<int64_t>(x_[2] - x0, first, k_[2]);
        for (int64_t ky = 0; ky < k_[1]; ++ky) {
          const int64_t iy = y0 + ky;
          if (iy < 0 || iy >= x_[1] || first == last) {
            run(0, k_[2] * ic, 0, 0);
          } else {
            run(((image * x_[1] + iy) * x_[2] + x0 + first) * x_[3] + g * ic, first * ic, (last - first) * ic,
                (k_[2] - last) * ic);
          }
        }
      }
    }
  }

  // A run of pixels is one block of memory, unless each pixel has channels of other groups too.
  int64_t block(int64_t floats) const { return spec_.groups == 1 ? floats : k_[3]; }

  void copy(const float* pixels, float* window, int64_t floats) const {
    for (int64_t done = 0; done < floats; done += block(floats), pixels += x_[3]) {
      std::memcpy(window + done, pixels, sizeof(float) * static_cast<size_t>(block(floats)));
    }
  }

  void add(const float* window, float* pixels, int64_t floats) const {
    for (int64_t done = 0; done < floats; done += block(floats), pixels += x_[3]) {
      for (int64_t k = 0; k < block(floats); ++k) pixels[k] += window[done + k];
    }
  }

  Shape x_, k_, y_;
  Conv2dSpec spec_;
  int64_t band_;
};

}  // namespace

void conv2d(const Tensor& x, const Tensor& weight, const Conv2dSpec& spec, Tensor& y) {
  const Windows windows(x.shape(), weight.shape(), y.shape(), spec);
  parallel_for(windows.rows(), windows.band(), [&](int64_t begin, int64_t end) {
    Tensor buffer = windows.buffer();
    for (int64_t g = 0; g < spec.groups; ++g) {
      multiply_transposed(windows.gather(x, begin, end, g, buffer), windows.weights(weight, g),
                          windows.outputs(y.data(), begin, end, g));
    }
  });
}

void conv2d_backward_data(const Tensor& dy, const Tensor& weight, const Conv2dSpec& spec, Tensor& dx) {
  const Windows windows(dx.shape(), weight.shape(), dy.shape(), spec);
  const int64_t image = dx.elements() / dx.shape()[0], ic = dx.shape()[3];
  // By whole images, since the windows of neighbouring output rows overlap.
  const int64_t images = std::max<int64_t>(1, windows.band() / windows.rows_of_image());
  parallel_for(dx.shape()[0], images, [&](int64_t first, int64_t last) {
    Tensor buffer = windows.buffer();
    if (!windows.plain()) std::fill(dx.data() + first * image, dx.data() + last * image, 0.0f);
    const int64_t stop = last * windows.rows_of_image();
    for (int64_t begin = first * windows.rows_of_image(); begin < stop; begin += windows.band()) {
      const int64_t end = std::min(stop, begin + windows.band());
      for (int64_t g = 0; g < spec.groups; ++g) {
        const auto slopes = windows.outputs(dy.data(), begin, end, g);
        if (windows.plain()) {
          float* pixels = dx.data() + begin * dx.shape()[2] * ic + g * windows.width();
          multiply(slopes, windows.weights(weight, g), {pixels, slopes.rows, windows.width(), ic});
        } else {
          multiply(slopes, windows.weights(weight, g), {buffer.data(), slopes.rows, windows.width(), windows.width()});
          windows.scatter(buffer, begin, end, g, dx);
        }
      }
    }
  });
}

void conv2d_backward_weight(const Tensor& dy, const Tensor& x, const Conv2dSpec& spec, Tensor& dweight) {
  const Windows windows(x.shape(), dweight.shape(), dy.shape(), spec);
  // A fixed number of partial sums, added up in order.
  constexpr int64_t parts = 8;
  const int64_t part_rows = (windows.rows() + parts - 1) / parts, count = (windows.rows() + part_rows - 1) / part_rows;
  const int64_t floats = dweight.elements();
  Tensor sums({count, floats});
  parallel_for(windows.rows(), part_rows, [&](int64_t first, int64_t last) {
    Tensor buffer = windows.buffer();
    float* sum = sums.data() + first / part_rows * floats;
    for (int64_t begin = first; begin < last; begin += windows.band()) {
      const int64_t end = std::min(last, begin + windows.band());
      for (int64_t g = 0; g < spec.groups; ++g) {
        const Matrix<float> into{sum + g * windows.channels() * windows.width(), windows.channels(), windows.width(),
                                 windows.width()};
        transposed_multiply(windows.outputs(dy.data(), begin, end, g), windows.gather(x, begin, end, g, buffer), into,
                            begin > first);
      }
    }
  });
  parallel_for(floats, 1 << 14, [&](int64_t begin, int64_t end) {
    std::copy(sums.data() + begin, sums.data() + end, dweight.data() + begin);
    for (int64_t part = 1; part < count; ++part) {
      for (int64_t i = begin; i < end; ++i) dweight.data()[i] += sums.data()[part * floats + i];
    }
  });
}

}  // namespace engine::cpu
