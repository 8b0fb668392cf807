#pragma once

#include <functional>
#include <string>
#include <vector>

#include "engine/ops.h"
#include "tests/support/numbers.h"
#include "tests/support/reference.h"

/// The list of op cases that several tests walk. Adding an op adds a row here.
namespace support {

using engine::Variable;
using reference::Array;

struct OpCase {
  std::string name;
  std::vector<Tensor> inputs;
  std::function<Variable(const std::vector<Variable>&)> op;
  std::function<Array(const std::vector<Array>&)> reference;
};

/// A copy of a constant on the device of the inputs.
inline Tensor beside(const Tensor& constant, const std::vector<Variable>& in) {
  return constant.clone().to(in[0].value().device());
}

inline OpCase conv_case(const std::string& name, Shape x, Shape weight, engine::Conv2dSpec spec) {
  return {"conv2d " + name,
          {uniform(x, 1), uniform(weight, 2)},
          [spec](const auto& in) { return engine::conv2d(in[0], in[1], spec); },
          [spec](const auto& in) { return reference::conv2d(in[0], in[1], spec); }};
}

inline OpCase pool_case(const std::string& name, Shape x, engine::Pool2dSpec spec, bool max) {
  return {
      (max ? "max_pool2d " : "avg_pool2d ") + name,
      {distinct(x, 3)},
      [=](const auto& in) { return max ? engine::max_pool2d(in[0], spec) : engine::avg_pool2d(in[0], spec); },
      [=](const auto& in) { return max ? reference::max_pool2d(in[0], spec) : reference::avg_pool2d(in[0], spec); }};
}

inline OpCase batch_norm_case(const std::string& name, Shape x, bool train) {
  const Shape c{x.last()};
  const Tensor mean = uniform(c, 20), var = uniform(c, 21, 0.5, 2);
  return {
      "batch_norm " + name,
      {uniform(x, 1), uniform(c, 2), uniform(c, 3)},
      [=](const auto& in) { return engine::batch_norm(in[0], in[1], in[2], beside(mean, in), beside(var, in), train); },
      [=](const auto& in) {
        return train ? reference::batch_norm_train(in[0], in[1], in[2])
                     : reference::normalize(in[0], in[1], in[2], Array(mean), Array(var));
      }};
}

/// relu(batch norm + residual), with gamma and beta that keep its arguments off the corner at zero.
inline OpCase batch_norm_relu_case(const std::string& name, Shape x, bool with_residual, float leak = 0) {
  const Shape c{x.last()};
  std::vector<Tensor> inputs{uniform(x, 1), uniform(c, 2, 0.1, 0.2), away_from_zero(c, 3)};
  for (int64_t k = 0; k < c[0]; ++k) inputs[2].data()[k] += inputs[2].data()[k] < 0 ? -0.8f : 0.8f;
  if (with_residual) inputs.push_back(uniform(x, 4, -0.2, 0.2));
  return {"batch_norm " + name, inputs,
          [=](const auto& in) {
            return engine::batch_norm(in[0], in[1], in[2], beside(Tensor::zeros(c), in), beside(Tensor::zeros(c), in),
                                      true, {.relu = true, .leak = leak}, with_residual ? in[3] : Variable());
          },
          [=](const auto& in) {
            const Array y = reference::batch_norm_train(in[0], in[1], in[2]);
            return reference::map(with_residual ? reference::add(y, in[3]) : y,
                                  [=](double v) { return v > 0 ? v : leak * v; });
          }};
}

inline OpCase linear_case(const std::string& name, Shape x, Shape weight) {
  return {"linear " + name,
          {uniform(x, 1), uniform(weight, 2), uniform({weight[0]}, 3)},
          [](const auto& in) { return engine::linear(in[0], in[1], in[2]); },
          [](const auto& in) { return reference::linear(in[0], in[1], in[2]); }};
}

inline OpCase log_softmax_case(const std::string& name, Shape x) {
  return {"log_softmax " + name,
          {uniform(x, 1, -3, 3)},
          [](const auto& in) { return engine::log_softmax(in[0]); },
          [](const auto& in) { return reference::log_softmax(in[0]); }};
}

inline OpCase cross_entropy_case(const std::string& name, Shape x) {
  const Tensor target = uniform(x, 22, 0, 1);
  return {"softmax_cross_entropy " + name,
          {uniform(x, 1, -3, 3)},
          [=](const auto& in) { return engine::softmax_cross_entropy(in[0], beside(target, in)); },
          [=](const auto& in) { return reference::softmax_cross_entropy(in[0], Array(target)); }};
}

inline OpCase mix_case(const std::string& name, Shape x, Shape mask_shape, const std::vector<int>& partner) {
  const Tensor mask = uniform(mask_shape, 23, 0, 1);
  return {"mix " + name,
          {uniform(x, 1)},
          [=](const auto& in) { return engine::mix(in[0], partner, beside(mask, in)); },
          [=](const auto& in) { return reference::mix(in[0], in[0], partner, Array(mask)); }};
}

/// The list. Those of several chunks exceed what one thread takes at a time, see the grains in engine/cpu.
inline std::vector<OpCase> op_cases() {
  using Variables = std::vector<Variable>;
  using Arrays = std::vector<Array>;
  return {
      {"add",
       {uniform({2, 3, 4, 5}, 1), uniform({2, 3, 4, 5}, 2)},
       [](const Variables& in) { return engine::add(in[0], in[1]); },
       [](const Arrays& in) { return reference::add(in[0], in[1]); }},
      {"relu",
       {away_from_zero({3, 7, 5, 2}, 1)},
       [](const Variables& in) { return engine::relu(in[0]); },
       [](const Arrays& in) { return reference::map(in[0], [](double x) { return x > 0 ? x : 0; }); }},
      {"scale",
       {uniform({4, 9}, 1)},
       [](const Variables& in) { return engine::scale(in[0], -2.5f); },
       [](const Arrays& in) { return reference::map(in[0], [](double x) { return -2.5 * x; }); }},
      {"reshape",
       {uniform({2, 3, 4, 5}, 1)},
       [](const Variables& in) {
         return engine::reshape(in[0], {2, 60});
       },
       [](const Arrays& in) {
         return reference::reshape(in[0], {2, 60});
       }},

      conv_case("3x3", {2, 5, 6, 3}, {4, 3, 3, 3}, {.pad = 1}),
      conv_case("3x3 without padding", {2, 5, 6, 3}, {4, 3, 3, 3}, {}),
      conv_case("3x3 stride 2", {2, 7, 8, 3}, {4, 3, 3, 3}, {.stride = 2, .pad = 1}),
      conv_case("1x1", {2, 4, 5, 6}, {7, 1, 1, 6}, {}),
      conv_case("1x1 stride 2", {2, 5, 6, 4}, {3, 1, 1, 4}, {.stride = 2}),
      conv_case("1x1 padded", {1, 3, 3, 2}, {3, 1, 1, 2}, {.pad = 1}),
      conv_case("7x7 stride 2", {1, 9, 11, 2}, {3, 7, 7, 2}, {.stride = 2, .pad = 3}),
      conv_case("1x3 kernel", {2, 4, 6, 2}, {3, 1, 3, 2}, {.pad = 1}),
      conv_case("2 groups", {2, 5, 5, 4}, {6, 3, 3, 2}, {.pad = 1, .groups = 2}),
      conv_case("2 groups 1x1", {2, 4, 4, 4}, {6, 1, 1, 2}, {.groups = 2}),
      conv_case("depthwise stride 2", {2, 6, 6, 4}, {4, 3, 3, 1}, {.stride = 2, .pad = 1, .groups = 4}),
      conv_case("whole image", {3, 4, 4, 3}, {5, 4, 4, 3}, {}),
      conv_case("padding wider than image", {1, 2, 2, 2}, {2, 3, 3, 2}, {.pad = 2}),

      batch_norm_case("train", {4, 3, 3, 5}, true),
      batch_norm_case("train, several runs", {5, 12, 12, 2}, true),
      batch_norm_case("train, many channels", {9, 1, 1, 131}, true),
      batch_norm_case("eval", {4, 3, 3, 5}, false),
      batch_norm_relu_case("with relu", {4, 3, 3, 5}, false),
      batch_norm_relu_case("with relu, several runs", {5, 12, 12, 2}, false),
      batch_norm_relu_case("with residual and relu", {4, 3, 3, 5}, true),
      batch_norm_relu_case("with residual and relu, several runs", {5, 12, 12, 2}, true),
      batch_norm_relu_case("with leaky relu", {4, 3, 3, 5}, false, 0.1f),
      batch_norm_relu_case("with residual and leaky relu, several runs", {5, 12, 12, 2}, true, 0.1f),
      batch_norm_case("eval, several runs", {5, 12, 12, 2}, false),

      linear_case("small", {5, 7}, {4, 7}),
      linear_case("several chunks", {130, 5}, {70, 5}),

      pool_case("2x2", {2, 6, 4, 3}, {.kernel = 2, .stride = 2}, true),
      pool_case("3x3 stride 2 padded", {2, 7, 6, 3}, {.kernel = 3, .stride = 2, .pad = 1}, true),
      pool_case("3x3 overlapping", {1, 5, 5, 2}, {.kernel = 3, .stride = 1}, true),
      pool_case("2x2", {2, 6, 4, 3}, {.kernel = 2, .stride = 2}, false),
      pool_case("3x3 overlapping, padded", {2, 5, 6, 3}, {.kernel = 3, .stride = 1, .pad = 1}, false),
      {"global_avg_pool",
       {uniform({3, 4, 5, 6}, 1)},
       [](const Variables& in) { return engine::global_avg_pool(in[0]); },
       [](const Arrays& in) { return reference::global_avg_pool(in[0]); }},

      mix_case("by image", {3, 4, 5, 2}, {3, 1, 1, 1}, {2, 0, 1}),
      mix_case("by pixel", {3, 4, 5, 2}, {3, 4, 5, 1}, {2, 0, 1}),
      mix_case("with one donor, and with itself", {4, 2, 3, 2}, {4, 2, 3, 1}, {1, 1, 1, 3}),
      mix_case("of one pixel", {3, 1, 1, 4}, {3, 1, 1, 1}, {1, 0, 2}),
      {"mix with a source",
       {uniform({2, 3, 4, 2}, 1)},
       [](const Variables& in) {
         const Variable source = engine::cast(Variable(uniform({2, 3, 4, 2}, 25)), in[0].value().dtype());
         return engine::mix(in[0], {1, 0}, beside(uniform({2, 3, 4, 1}, 24, 0, 1), in), beside(source.value(), in));
       },
       [](const Arrays& in) {
         const Tensor mask = uniform({2, 3, 4, 1}, 24, 0, 1), source = uniform({2, 3, 4, 2}, 25);
         return reference::mix(in[0], Array(source), {0, 1}, Array(mask));
       }},

      log_softmax_case("few rows", {4, 6}),
      log_softmax_case("several chunks", {40, 6}),
      cross_entropy_case("few rows", {3, 6}),
      cross_entropy_case("several chunks", {40, 6}),
  };
}

}  // namespace support
