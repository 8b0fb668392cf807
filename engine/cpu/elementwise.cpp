#include "engine/kernels.h"
#include "engine/parallel.h"

namespace engine::cpu {
namespace {

constexpr int64_t grain = 1 << 15;

}  // namespace

void add(const Tensor& a, const Tensor& b, Tensor& y) {
  const float *pa = a.data(), *pb = b.data();
  float* py = y.data();
  parallel_for(y.elements(), grain, [=](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) py[i] = pa[i] + pb[i];
  });
}

void relu(const Tensor& x, Tensor& y) {
  const float* px = x.data();
  float* py = y.data();
  parallel_for(y.elements(), grain, [=](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) py[i] = px[i] < 0 ? 0 : px[i];  // this way round, a NaN stays one
  });
}

void relu_backward(const Tensor& dy, const Tensor& y, Tensor& dx) {
  const float *pdy = dy.data(), *py = y.data();
  float* pdx = dx.data();
  parallel_for(dx.elements(), grain, [=](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const float slope = pdy[i];  // read in any case, so that the loop has no branch
      pdx[i] = py[i] > 0 ? slope : 0;
    }
  });
}

void scale(const Tensor& x, float factor, Tensor& y) {
  const float* px = x.data();
  float* py = y.data();
  parallel_for(y.elements(), grain, [=](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) py[i] = factor * px[i];
  });
}

void cast(const Tensor& x, Tensor& y) {
  by_type(x.dtype(), [&](auto from) {
    by_type(y.dtype(), [&](auto to) {
      const auto* px = x.as<decltype(from)>();
      auto* py = y.as<decltype(to)>();
      parallel_for(y.elements(), grain, [=](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) py[i] = static_cast<float>(px[i]);
      });
    });
  });
}

void scale_by(const Tensor& x, const Tensor& by, float divisor, Tensor& y) { scale(x, by.data()[0] / divisor, y); }

}  // namespace engine::cpu
