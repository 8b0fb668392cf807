#pragma once

#include <string>
#include <utility>
#include <vector>

#include "engine/tensor.h"

/// Declares engine::cpu::name and, in a build with CUDA, engine::cuda::name, and makes them known as
/// engine::kernel::name, the name that ops call: that of the first tensor's device. All other tensors must be on the
/// same one.
#ifdef DEMIX_CUDA
#define KERNEL(name, ...)                                  \
  namespace cpu {                                          \
  void name(__VA_ARGS__);                                  \
  }                                                        \
  namespace cuda {                                         \
  void name(__VA_ARGS__);                                  \
  }                                                        \
  namespace kernel {                                       \
  inline constexpr ByDevice name{&cpu::name, &cuda::name}; \
  }
#else
#define KERNEL(name, ...) \
  namespace cpu {         \
  void name(__VA_ARGS__); \
  }                       \
  namespace kernel {      \
  using cpu::name;        \
  }
#endif

namespace engine::kernel {

inline Device device_of(const Tensor& tensor) { return tensor.device(); }
inline Device device_of(const Tensors& list) { return list.empty() ? Device::cpu : list.front().device(); }

/// A kernel of each backend, called by the device of the first tensor, or the first of a list.
template <class First, class... Rest>
struct ByDevice {
  using Kernel = void (*)(const First& first, Rest... rest);
  Kernel cpu, cuda;

  void operator()(const First& first, Rest... rest) const {
    (device_of(first) == Device::cuda ? cuda : cpu)(first, std::forward<Rest>(rest)...);
  }
};
template <class First, class... Rest>
ByDevice(void (*)(const First&, Rest...), void (*)(const First&, Rest...)) -> ByDevice<First, Rest...>;

}  // namespace engine::kernel

/// The contract of every kernel. A kernel fills memory: outputs come last, have their shape already, and are
/// overwritten without being read unless the comment says otherwise. Shapes were checked by the op that calls. Where
/// the comment says "in place", an output may be the same memory as an input of its shape.
///
/// Tensors are float32. On a GPU the activations and their gradients (x, y, residual, source) of add, relu, scale, mix,
/// convolutions, batch norm and pooling may be bfloat16, all of a call alike; parameters, statistics and sums stay
/// float32.
namespace engine {

struct Conv2dSpec {
  int64_t stride = 1, pad = 0, groups = 1;
};

/// How convolutions are computed on the CPU, chosen by name for the whole process like the number of threads; the
/// results differ by rounding alone. "auto" takes what is fastest for a shape, "direct" never transforms images,
/// "winograd" transforms them wherever the shape allows it.
struct ConvAlgorithm {
  const char* name;
};
const std::vector<ConvAlgorithm>& conv_algorithms();
void set_conv_algorithm(const std::string& name);
std::string conv_algorithm();

struct Pool2dSpec {
  int64_t kernel = 2, stride = 2, pad = 0;
};
struct BatchNormSpec {
  float eps = 1e-5f;      // added to the variance
  float momentum = 0.1f;  // share of the new value in the running statistics
  bool relu = false;      // whether a ReLU follows
  float leak = 0;         // share of negative numbers that it lets through, from 0 to below 1
};
struct SgdSpec {
  float momentum = 0, weight_decay = 0;
  bool nesterov = false;
};
struct AdamSpec {
  float beta1 = 0.9f, beta2 = 0.999f, eps = 1e-8f, weight_decay = 0;
};

// Element by element.

// y = a + b; in place
KERNEL(add, const Tensor& a, const Tensor& b, Tensor& y)
// y = max(x, 0); in place
KERNEL(relu, const Tensor& x, Tensor& y)
// dx = dy where y > 0, else 0; in place
KERNEL(relu_backward, const Tensor& dy, const Tensor& y, Tensor& dx)
// y = factor x; in place
KERNEL(scale, const Tensor& x, float factor, Tensor& y)
// y = x, rounded to the type of y
KERNEL(cast, const Tensor& x, Tensor& y)
// y = (by / divisor) x with by (1); in place
KERNEL(scale_by, const Tensor& x, const Tensor& by, float divisor, Tensor& y)

// Convolution: x (n, h, w, ic), weight (oc, kh, kw, ic / groups), y (n, oh, ow, oc). Group g reads the g-th slice of
// the input channels and writes the g-th slice of the output channels.

KERNEL(conv2d, const Tensor& x, const Tensor& weight, const Conv2dSpec& spec, Tensor& y)
/// With accumulate, the gradient is added to what dx holds.
KERNEL(conv2d_backward_data, const Tensor& dy, const Tensor& weight, const Conv2dSpec& spec, bool accumulate,
       Tensor& dx)
KERNEL(conv2d_backward_weight, const Tensor& dy, const Tensor& x, const Conv2dSpec& spec, Tensor& dweight)

// Batch normalisation (Ioffe, Szegedy, 2015) over all but the last extent, the channels c, together with what follows
// it in a residual network: y = f(gamma (x - mean) inv_std + beta + residual) with f = relu if the spec says so. x, y
// and residual are (..., c), where an undefined residual stands for zeros; the rest (c).

// with the biased variance of x; writes mean and inv_std = 1 / sqrt(variance + eps), and moves running_mean and
// running_var (unbiased) towards them
KERNEL(batch_norm_train, const Tensor& x, const Tensor& residual, const Tensor& gamma, const Tensor& beta,
       const BatchNormSpec& spec, Tensor& running_mean, Tensor& running_var, Tensor& y, Tensor& mean, Tensor& inv_std)
// with the running statistics; writes inv_std = 1 / sqrt(running_var + eps)
KERNEL(batch_norm_eval, const Tensor& x, const Tensor& residual, const Tensor& gamma, const Tensor& beta,
       const BatchNormSpec& spec, const Tensor& running_mean, const Tensor& running_var, Tensor& y, Tensor& inv_std)
// back through either: `batch_statistics` says whether mean and inv_std were computed from x. y and dresidual are
// defined where a residual was added and a ReLU follows; dresidual may be the same memory as dy. (Without a residual
// the sign of y is known from x, and without a ReLU the gradient of the residual is dy.)
KERNEL(batch_norm_backward, const Tensor& dy, const Tensor& x, const Tensor& y, const Tensor& gamma, const Tensor& beta,
       const Tensor& mean, const Tensor& inv_std, const BatchNormSpec& spec, bool batch_statistics, Tensor& dx,
       Tensor& dresidual, Tensor& dgamma, Tensor& dbeta)

// Fully connected: x (n, ic), weight (oc, ic), bias (oc), y (n, oc).

// y = x weight^T + bias
KERNEL(linear, const Tensor& x, const Tensor& weight, const Tensor& bias, Tensor& y)
KERNEL(linear_backward_data, const Tensor& dy, const Tensor& weight, Tensor& dx)
KERNEL(linear_backward_weight, const Tensor& dy, const Tensor& x, Tensor& dweight)
KERNEL(linear_backward_bias, const Tensor& dy, Tensor& dbias)

// Pooling: x (n, h, w, c), y (n, oh, ow, c). Padding never wins a maximum and counts as zeros in an average.

KERNEL(max_pool2d, const Tensor& x, const Pool2dSpec& spec, Tensor& y)
// dy goes to the first of equal maxima
KERNEL(max_pool2d_backward, const Tensor& dy, const Tensor& x, const Tensor& y, const Pool2dSpec& spec, Tensor& dx)
KERNEL(avg_pool2d, const Tensor& x, const Pool2dSpec& spec, Tensor& y)
KERNEL(avg_pool2d_backward, const Tensor& dy, const Pool2dSpec& spec, Tensor& dx)
// y (n, c), float32 in any case, is the mean over the pixels of x (n, h, w, c)
KERNEL(global_avg_pool, const Tensor& x, Tensor& y)
KERNEL(global_avg_pool_backward, const Tensor& dy, Tensor& dx)

// Rows of class scores: x, logits, target (n, c).

// y = x - log sum exp x, row by row; in place
KERNEL(log_softmax, const Tensor& x, Tensor& y)
KERNEL(log_softmax_backward, const Tensor& dy, const Tensor& y, Tensor& dx)
// loss (1) is the mean over rows of  sum(target) log sum exp logits - sum(target logits)  and dlogits its gradient,
// (sum(target) softmax - target) / n
KERNEL(softmax_cross_entropy, const Tensor& logits, const Tensor& target, Tensor& loss, Tensor& dlogits)

// Training. Parameters come as lists, with what belongs to them in lists as long: on a GPU one kernel works on all of
// them, but for lamb. What a step is told anew each time, or decides last, is in memory of the device: so a recorded
// step reads it there, and nobody waits for it.
//   rate (3): the learning rate lr; for Adam 1 / (1 - beta1^step) and 1 / sqrt(1 - beta2^step), steps counted from 1
//   gate (2): what gradients are multiplied by, 0 where the step changes nothing; and whether all steps are stopped

// y (1) is the Euclidean norm of all numbers of a list
KERNEL(norm, const Tensors& x, Tensor& y)
// gate[0] = 1, or most / (norm + 1e-6) where the norm of the gradients is larger than most (PyTorch's clip_grad_norm_),
// and 0 where the norm or the loss is not finite, which stops all steps; or they are stopped already
KERNEL(admit, const Tensor& norm, const Tensor& loss, float most, Tensor& gate)
// kept = values where the gate lets the step through, else values = kept
KERNEL(settle, const Tensor& gate, Tensors& values, Tensors& kept)
// One step of stochastic gradient descent as PyTorch defines it: g = gate[0] grad + weight_decay w; velocity = momentum
// velocity + g; w -= lr velocity, or with Nesterov w -= lr (g + momentum velocity). Reads and writes w and velocity.
KERNEL(sgd, const Tensors& grad, const SgdSpec& spec, const Tensor& rate, const Tensor& gate, Tensors& w,
       Tensors& velocity)
// One step of Adam with running means m of gate[0] grad and v of its square, which are read and written like w:
// direction = m / (1 - beta1^step) / (sqrt(v / (1 - beta2^step)) + eps).
// AdamW: w -= lr (direction + weight_decay w)
KERNEL(adamw, const Tensors& grad, const AdamSpec& spec, const Tensor& rate, const Tensor& gate, Tensors& w, Tensors& m,
       Tensors& v)
// LAMB: w -= lr trust update with update = direction + weight_decay w; trust = |w| / |update| of each tensor where
// there is weight decay and neither is 0, else 1
KERNEL(lamb, const Tensors& grad, const AdamSpec& spec, const Tensor& rate, const Tensor& gate, Tensors& w, Tensors& m,
       Tensors& v)
// y += weight (x - y) where the gate lets the step through
KERNEL(lerp, const Tensors& x, float weight, const Tensor& gate, Tensors& y)

// Mixing images x, source, y (n, h, w, c) by mask (n, h, w, 1) or (n, 1, 1, 1).

// y[i] = mask[i] x[i] + (1 - mask[i]) source[partner[i]]; of finite values exactly x[i] where the mask is 1 and
// source[partner[i]] where it is 0
KERNEL(mix, const Tensor& x, const Tensor& source, const std::vector<int>& partner, const Tensor& mask, Tensor& y)
// back through mix(x, x, ...): dx[i] = mask[i] dy[i] + sum over the j whose partner is i of (1 - mask[j]) dy[j]; with
// an empty list of partners, back through mix(x, source, ...) to x
KERNEL(mix_backward, const Tensor& dy, const std::vector<int>& partner, const Tensor& mask, Tensor& dx)

}  // namespace engine
