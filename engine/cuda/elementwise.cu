#include "engine/cuda/runtime.h"
#include "engine/each.h"
#include "engine/kernels.h"

// Kernels for elements of type T, and below them what chooses it: nvcc takes no body that is inside a generic lambda.
namespace engine::cuda {
namespace {

template <class T>
void add(const Tensor& a, const Tensor& b, Tensor& y) {
  const T *pa = a.as<T>(), *pb = b.as<T>();
  T* py = y.as<T>();
  each(y.elements(), [=] DEMIX_DEVICE(int64_t i) { py[i] = pa[i] + pb[i]; });
}

template <class T>
void relu(const Tensor& x, Tensor& y) {
  const T* px = x.as<T>();
  T* py = y.as<T>();
  each(y.elements(), [=] DEMIX_DEVICE(int64_t i) {
    const float value = px[i];
    py[i] = value < 0 ? 0 : value;
  });
}

template <class T>
void relu_backward(const Tensor& dy, const Tensor& y, Tensor& dx) {
  const T *pdy = dy.as<T>(), *py = y.as<T>();
  T* pdx = dx.as<T>();
  each(dx.elements(), [=] DEMIX_DEVICE(int64_t i) { pdx[i] = py[i] > 0 ? float{pdy[i]} : 0; });
}

template <class T>
void scale(const Tensor& x, float factor, Tensor& y) {
  const T* px = x.as<T>();
  T* py = y.as<T>();
  each(y.elements(), [=] DEMIX_DEVICE(int64_t i) { py[i] = factor * px[i]; });
}

template <class From, class To>
void cast(const Tensor& x, Tensor& y) {
  const From* px = x.as<From>();
  To* py = y.as<To>();
  each(y.elements(), [=] DEMIX_DEVICE(int64_t i) { py[i] = float{px[i]}; });
}

}  // namespace

void fill(float* to, int64_t count, float value) {
  each(count, [=] DEMIX_DEVICE(int64_t i) { to[i] = value; });
}

void add(const Tensor& a, const Tensor& b, Tensor& y) {
  by_type(y.dtype(), [&](auto zero) { add<decltype(zero)>(a, b, y); });
}

void relu(const Tensor& x, Tensor& y) {
  by_type(y.dtype(), [&](auto zero) { relu<decltype(zero)>(x, y); });
}

void relu_backward(const Tensor& dy, const Tensor& y, Tensor& dx) {
  by_type(dx.dtype(), [&](auto zero) { relu_backward<decltype(zero)>(dy, y, dx); });
}

void scale(const Tensor& x, float factor, Tensor& y) {
  by_type(y.dtype(), [&](auto zero) { scale<decltype(zero)>(x, factor, y); });
}

void cast(const Tensor& x, Tensor& y) {
  by_type(x.dtype(),
          [&](auto from) { by_type(y.dtype(), [&](auto to) { cast<decltype(from), decltype(to)>(x, y); }); });
}

void scale_by(const Tensor& x, const Tensor& by, float divisor, Tensor& y) {
  const float *px = x.data(), *factor = by.data();
  float* py = y.data();
  each(y.elements(), [=] DEMIX_DEVICE(int64_t i) { py[i] = factor[0] / divisor * px[i]; });
}

}  // namespace engine::cuda
