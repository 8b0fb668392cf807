#include <algorithm>
#include <cstdio>
#include <functional>

#include "apps/bench/bench.h"
#include "engine/kernels.h"
#include "engine/names.h"
#include "engine/parallel.h"

namespace bench {

using engine::Tensor;

namespace {

/// One measured kernel call: what it computes and moves, each input read once and each output written once.
struct Call {
  std::string shape;
  double flop, bytes;
  std::function<void()> run;
};

/// A 3x3 or 1x1 convolution of a ResNet-18.
struct ConvShape {
  int64_t size, ic, oc, kernel, stride;
};
const std::vector<ConvShape> resnet18_convolutions{
    {32, 3, 64, 3, 1},    {32, 64, 64, 3, 1},   {32, 64, 128, 3, 2},  {32, 64, 128, 1, 2},
    {16, 128, 128, 3, 1}, {16, 128, 256, 3, 2}, {16, 128, 256, 1, 2}, {8, 256, 256, 3, 1},
    {8, 256, 512, 3, 2},  {8, 256, 512, 1, 2},  {4, 512, 512, 3, 1},
};

double bytes_of(std::initializer_list<const Tensor*> tensors) {
  double floats = 0;
  for (const Tensor* tensor : tensors) floats += static_cast<double>(tensor->elements());
  return floats * sizeof(float);
}

enum class Pass { forward, data, weight };

std::vector<Call> convolution_calls(const Options& o, Pass pass) {
  std::vector<Call> calls;
  for (const ConvShape& s : resnet18_convolutions) {
    const int64_t out = s.size / s.stride;
    Tensor x = random_tensor({o.batch, s.size, s.size, s.ic}), w = random_tensor({s.oc, s.kernel, s.kernel, s.ic});
    Tensor y = random_tensor({o.batch, out, out, s.oc});
    const engine::Conv2dSpec spec{.stride = s.stride, .pad = s.kernel / 2};
    const double flop = 2.0 * static_cast<double>(y.elements() * s.kernel * s.kernel * s.ic);
    std::function<void()> run;
    if (pass == Pass::forward) run = [=]() mutable { engine::kernel::conv2d(x, w, spec, y); };
    if (pass == Pass::data) run = [=]() mutable { engine::kernel::conv2d_backward_data(y, w, spec, false, x); };
    if (pass == Pass::weight) run = [=]() mutable { engine::kernel::conv2d_backward_weight(y, x, spec, w); };
    calls.push_back(
        {engine::text(s.size, "x", s.size, " ", s.ic, " > ", s.oc, " ", s.kernel, "x", s.kernel, "/", s.stride), flop,
         bytes_of({&x, &w, &y}), run});
  }
  return calls;
}

/// The calls of a kernel that works on the output of each stage, (n, h, w, c).
template <class MakeCall>
std::vector<Call> stage_calls(const Options& o, MakeCall make_call) {
  std::vector<Call> calls;
  for (int stage = 0; stage < 4; ++stage) {
    const int64_t size = 32 >> stage, c = 64 << stage;
    const Tensor x = random_tensor({o.batch, size, size, c});
    Call call = make_call(x);
    call.shape = engine::text(size, "x", size, " ", c);
    calls.push_back(std::move(call));
  }
  return calls;
}

/// A kernel of `Tensors` tensors of one shape, one operation an element.
template <int Tensors, auto Kernel>
std::vector<Call> elementwise(const Options& o) {
  return stage_calls(o, [](const Tensor& x) {
    return Call{"", static_cast<double>(x.elements()), Tensors * bytes_of({&x}),
                [a = x.clone(), b = x.clone(), c = x.clone()]() mutable { Kernel(a, b, c); }};
  });
}

/// The last layer of a ResNet-18.
std::vector<Call> linear_call(const Options& o, Pass pass) {
  Tensor x = random_tensor({o.batch, 512}), w = random_tensor({o.classes, 512}),
         y = random_tensor({o.batch, o.classes});
  const Tensor bias = random_tensor({o.classes});
  std::function<void()> run;
  if (pass == Pass::forward) run = [=]() mutable { engine::kernel::linear(x, w, bias, y); };
  if (pass == Pass::data) run = [=]() mutable { engine::kernel::linear_backward_data(y, w, x); };
  if (pass == Pass::weight) run = [=]() mutable { engine::kernel::linear_backward_weight(y, x, w); };
  return {{engine::text("512 > ", o.classes), 2.0 * static_cast<double>(o.batch * o.classes * 512),
           bytes_of({&x, &w, &y}), run}};
}

struct KernelEntry {
  const char* name;
  std::vector<Call> (*calls)(const Options& options);
};

const std::vector<KernelEntry>& kernels() {
  static const std::vector<KernelEntry> table{
      {"conv2d", [](const Options& o) { return convolution_calls(o, Pass::forward); }},
      {"conv2d_backward_data", [](const Options& o) { return convolution_calls(o, Pass::data); }},
      {"conv2d_backward_weight", [](const Options& o) { return convolution_calls(o, Pass::weight); }},
      {"batch_norm_train",
       [](const Options& o) {
         return stage_calls(o, [](const Tensor& x) {
           const Tensor c = Tensor::full({x.shape().last()}, 1);
           return Call{"", 7.0 * static_cast<double>(x.elements()), bytes_of({&x, &x}),
                       [x, c, y = x.clone(), rm = c.clone(), rv = c.clone(), m = c.clone(), s = c.clone()]() mutable {
                         engine::kernel::batch_norm_train(x, {}, c, c, {.relu = true}, rm, rv, y, m, s);
                       }};
         });
       }},
      {"batch_norm_backward",
       [](const Options& o) {
         return stage_calls(o, [](const Tensor& x) {
           const Tensor c = Tensor::full({x.shape().last()}, 1);
           return Call{"", 9.0 * static_cast<double>(x.elements()), bytes_of({&x, &x, &x}),
                       [x, c, dx = x.clone(), dy = x.clone(), dg = c.clone(), db = c.clone()]() mutable {
                         Tensor none;
                         engine::kernel::batch_norm_backward(dy, x, {}, c, c, c, c, {.relu = true}, true, dx, none, dg,
                                                             db);
                       }};
         });
       }},
      {"relu", elementwise<2, [](Tensor& x, Tensor& y, Tensor&) { engine::kernel::relu(x, y); }>},
      {"relu_backward",
       elementwise<3, [](Tensor& dy, Tensor& y, Tensor& dx) { engine::kernel::relu_backward(dy, y, dx); }>},
      {"add", elementwise<3, [](Tensor& a, Tensor& b, Tensor& y) { engine::kernel::add(a, b, y); }>},
      {"global_avg_pool",
       [](const Options& o) {
         return stage_calls(o, [&](const Tensor& x) {
           return Call{"", static_cast<double>(x.elements()), bytes_of({&x}),
                       [x, y = Tensor({o.batch, x.shape()[3]})]() mutable { engine::kernel::global_avg_pool(x, y); }};
         });
       }},
      {"linear", [](const Options& o) { return linear_call(o, Pass::forward); }},
      {"linear_backward_data", [](const Options& o) { return linear_call(o, Pass::data); }},
      {"linear_backward_weight", [](const Options& o) { return linear_call(o, Pass::weight); }},
      {"sgd",
       [](const Options&) {
         const engine::Tensors grad{random_tensor({512, 3, 3, 512})};
         return std::vector<Call>{
             {"512x3x3x512", 6.0 * static_cast<double>(grad[0].elements()), 5 * bytes_of({&grad[0]}),
              [grad, w = engine::Tensors{grad[0].clone()}, v = engine::Tensors{grad[0].clone()},
               rate = Tensor::full({3}, 0.1f), gate = Tensor::from({2}, {1, 0})]() mutable {
                engine::kernel::sgd(grad, {.momentum = 0.9f, .weight_decay = 1e-4f}, rate, gate, w, v);
              }}};
       }},
  };
  return table;
}

}  // namespace

std::vector<std::string> kernel_names() { return engine::names_of(kernels()); }

void time_kernel(const Options& o) {
  std::printf("%s, batch %ld, %d threads, median of %ld\n\n", o.kernel.c_str(), o.batch, engine::threads(), o.steps);
  std::printf("%-24s %10s %10s %10s %10s\n", "shape", "ms", "best ms", "GFLOP/s", "GB/s");
  for (const Call& call : engine::find_named(kernels(), "kernel", o.kernel).calls(o)) {
    const std::vector<double> seconds = seconds_of(o.steps, call.run);
    const double s = median(seconds);
    std::printf("%-24s %10.3f %10.3f %10.1f %10.1f\n", call.shape.c_str(), s * 1e3,
                *std::min_element(seconds.begin(), seconds.end()) * 1e3, call.flop / s * 1e-9, call.bytes / s * 1e-9);
  }
}

}  // namespace bench
