#include "engine/optimizers.h"

#include "engine/cuda/each_run.h"
#include "engine/cuda/sum_rows.h"

namespace engine::cuda {
namespace {

/// Hands on the norm of all numbers: finish(norm).
template <class Finish>
void norm_of(const Tensors& x, const Finish& finish) {
  constexpr int64_t numbers = 64;
  const int64_t threads = threads_of(x, numbers);
  const Scratch<double> sums(threads);
  double* to = sums.data();
  each_run<1>({&x}, numbers, [=] DEMIX_DEVICE(float* const* at, int64_t begin, int64_t end, int64_t thread) {
    double sum = 0;
    for (int64_t i = begin; i < end; i += together) sum += static_cast<double>(at[0][i]) * at[0][i];
    to[thread] = sum;
  });
  sum_rows(to, threads, 1, [=] DEMIX_DEVICE(int64_t, double sum) { finish(std::sqrt(sum)); });
}

}  // namespace

void norm(const Tensors& x, Tensor& y) {
  float* to = y.data();
  norm_of(x, [=] DEMIX_DEVICE(double norm) { *to = static_cast<float>(norm); });
}

void admit(const Tensor& norm, const Tensor& loss, float most, Tensor& gate) {
  const float *length = norm.data(), *value = loss.data();
  float* to = gate.data();
  each(1, [=] DEMIX_DEVICE(int64_t) { engine::admit(*length, *value, most, to); });
}

void settle(const Tensor& gate, Tensors& values, Tensors& kept) {
  each_number<2>(gate, {&values, &kept}, [=] DEMIX_DEVICE(float factor, float* const* at, int64_t i) {
    if (factor != 0) at[1][i] = at[0][i];
    else at[0][i] = at[1][i];
  });
}

void lerp(const Tensors& x, float weight, const Tensor& gate, Tensors& y) {
  each_number<2>(gate, {&x, &y}, [=] DEMIX_DEVICE(float factor, float* const* at, int64_t i) {
    if (factor != 0) at[1][i] += weight * (at[0][i] - at[1][i]);
  });
}

void sgd(const Tensors& grad, const SgdSpec& spec, const Tensor& rate, const Tensor& gate, Tensors& w,
         Tensors& velocity) {
  const float* lr = rate.data();
  each_number<3>(gate, {&grad, &w, &velocity}, [=] DEMIX_DEVICE(float factor, float* const* at, int64_t i) {
    if (factor == 0) return;
    float &here = at[1][i], &speed = at[2][i];
    const float slope = spec.weight_decay * here + factor * at[0][i];
    speed = spec.momentum * speed + slope;
    here -= *lr * (spec.nesterov ? slope + spec.momentum * speed : speed);
  });
}

void adamw(const Tensors& grad, const AdamSpec& spec, const Tensor& rate, const Tensor& gate, Tensors& w, Tensors& mean,
           Tensors& square) {
  const float* now = rate.data();
  const Adam adam{spec.beta1, spec.beta2, spec.eps};
  each_number<4>(gate, {&grad, &w, &mean, &square}, [=] DEMIX_DEVICE(float factor, float* const* at, int64_t i) {
    if (factor == 0) return;
    const float direction = adam(factor * at[0][i], now, at[2][i], at[3][i]);
    at[1][i] = (1 - now[0] * spec.weight_decay) * at[1][i] - now[0] * direction;
  });
}

void lamb(const Tensors& grad, const AdamSpec& spec, const Tensor& rate, const Tensor& gate, Tensors& w, Tensors& mean,
          Tensors& square) {
  const float *now = rate.data(), *state = gate.data();
  const Adam adam{spec.beta1, spec.beta2, spec.eps};
  Tensors updates;
  for (const Tensor& tensor : w) updates.push_back(Tensor::like(tensor));
  each_number<5>(gate, {&grad, &w, &mean, &square, &updates},
                 [=] DEMIX_DEVICE(float factor, float* const* at, int64_t i) {
                   if (factor == 0) return;
                   at[4][i] = adam(factor * at[0][i], now, at[2][i], at[3][i]) + spec.weight_decay * at[1][i];
                 });
  for (size_t k = 0; k < w.size(); ++k) {
    const Scratch<double> norms(2);
    double *size = norms.data(), *length = size + 1;
    norm_of({w[k]}, [=] DEMIX_DEVICE(double norm) { *size = norm; });
    norm_of({updates[k]}, [=] DEMIX_DEVICE(double norm) { *length = norm; });
    const float* update = updates[k].data();
    float* here = w[k].data();
    each(w[k].elements(), [=] DEMIX_DEVICE(int64_t i) {
      if (*state != 0) here[i] -= lamb_rate(now[0], spec, *size, *length) * update[i];
    });
  }
}

}  // namespace engine::cuda
