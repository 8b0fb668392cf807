#include "engine/cpu/conv.h"

#include <algorithm>
#include <atomic>

#include "engine/names.h"

namespace engine {

namespace {

std::atomic<int> chosen{0};  // an index into conv_algorithms()

}  // namespace

const std::vector<ConvAlgorithm>& conv_algorithms() {
  static const std::vector<ConvAlgorithm> table{{"auto"}, {"direct"}, {"winograd"}};
  return table;
}

void set_conv_algorithm(const std::string& name) {
  chosen = static_cast<int>(&find_named(conv_algorithms(), "algorithm", name) - conv_algorithms().data());
}

std::string conv_algorithm() { return conv_algorithms()[static_cast<size_t>(chosen.load())].name; }

namespace cpu {
namespace {

bool use_winograd(const Shape& x, const Shape& weight, const Conv2dSpec& spec, const Shape& y) {
  const std::string algorithm = conv_algorithm();
  return algorithm != "direct" && winograd::fits(x, weight, spec) &&
         (algorithm == "winograd" || winograd::pays(y, spec.stride));
}

bool use_grouped(const Shape& weight, const Conv2dSpec& spec) {
  return conv_algorithm() != "direct" && grouped::fits(weight, spec);
}

}  // namespace

void conv2d(const Tensor& x, const Tensor& weight, const Conv2dSpec& spec, Tensor& y) {
  if (use_winograd(x.shape(), weight.shape(), spec, y.shape())) winograd::forward(x, weight, spec, y);
  else if (use_grouped(weight.shape(), spec)) grouped::forward(x, weight, spec, y);
  else direct::forward(x, weight, spec, y);
}

void conv2d_backward_data(const Tensor& dy, const Tensor& weight, const Conv2dSpec& spec, bool accumulate, Tensor& dx) {
  const Shape& k = weight.shape();
  if (use_winograd(dx.shape(), k, spec, dy.shape())) winograd::backward_data(dy, weight, spec, accumulate, dx);
  else if (use_grouped(k, spec)) grouped::backward_data(dy, weight, spec, accumulate, dx);
  else direct::backward_data(dy, weight, spec, accumulate, dx);
}

void conv2d_backward_weight(const Tensor& dy, const Tensor& x, const Conv2dSpec& spec, Tensor& dweight) {
  if (use_winograd(x.shape(), dweight.shape(), spec, dy.shape())) winograd::backward_weight(dy, x, spec, dweight);
  else if (use_grouped(dweight.shape(), spec)) grouped::backward_weight(dy, x, spec, dweight);
  else direct::backward_weight(dy, x, spec, dweight);
}

}  // namespace cpu
}  // namespace engine
