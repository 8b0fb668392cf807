#include "engine/cuda/scratch.h"
#include "engine/each.h"
#include "engine/kernels.h"

namespace engine::cuda {
namespace {

/// How many numbers share one value of a mask of images.
int64_t numbers_per_share(const Tensor& mask, const Shape& images) {
  return mask.elements() == images[0] ? images.elements() / images[0] : images[3];
}

template <class T>
void mix(const Tensor& x, const Tensor& source, const std::vector<int>& partner, const Tensor& mask, Tensor& y) {
  const int64_t size = x.elements() / x.shape()[0], run = numbers_per_share(mask, x.shape());
  const Scratch<int> partners(partner);
  const int* other = partners.data();
  const T *px = x.as<T>(), *from = source.as<T>();
  const float* shares = mask.data();
  T* py = y.as<T>();
  each(y.elements(), [=] DEMIX_DEVICE(int64_t i) {
    const float share = shares[i / run];
    py[i] = share * px[i] + (1 - share) * from[other[i / size] * size + i % size];
  });
}

template <class T>
void mix_backward(const Tensor& dy, const std::vector<int>& partner, const Tensor& mask, Tensor& dx) {
  const int64_t n = dy.shape()[0], size = dy.elements() / n, run = numbers_per_share(mask, dy.shape());
  // Image i gives to the images takers[first[i]] to takers[first[i + 1] - 1], in their order.
  std::vector<int> first(static_cast<size_t>(n) + 1), takers(partner.size());
  for (int giver : partner) ++first[static_cast<size_t>(giver) + 1];
  for (size_t i = 1; i < first.size(); ++i) first[i] += first[i - 1];
  std::vector<int> next = first;
  for (size_t j = 0; j < partner.size(); ++j) {
    takers[static_cast<size_t>(next[static_cast<size_t>(partner[j])]++)] = static_cast<int>(j);
  }
  const Scratch<int> all_first(first), all_takers(takers);
  const int *begin = all_first.data(), *taker = all_takers.data();
  const T* pdy = dy.as<T>();
  const float* shares = mask.data();
  T* pdx = dx.as<T>();
  each(dx.elements(), [=] DEMIX_DEVICE(int64_t i) {
    const int64_t image = i / size, at = i % size;
    float sum = shares[i / run] * pdy[i];
    for (int t = begin[image]; t < begin[image + 1]; ++t) {
      const int64_t j = taker[t] * size + at;
      sum += (1 - shares[j / run]) * pdy[j];
    }
    pdx[i] = sum;
  });
}

}  // namespace

void mix(const Tensor& x, const Tensor& source, const std::vector<int>& partner, const Tensor& mask, Tensor& y) {
  by_type(y.dtype(), [&](auto zero) { mix<decltype(zero)>(x, source, partner, mask, y); });
}

void mix_backward(const Tensor& dy, const std::vector<int>& partner, const Tensor& mask, Tensor& dx) {
  by_type(dx.dtype(), [&](auto zero) { mix_backward<decltype(zero)>(dy, partner, mask, dx); });
}

}  // namespace engine::cuda
