#pragma once

#include <functional>
#include <string>

#include "nn/module.h"

namespace apps {

/// Whether all numbers are: neither infinite nor NaN.
bool is_finite(const engine::Tensor& tensor);

/// Where the first number of a forward pass that is not finite arises, such as "conv2d of layer1.0.conv1.weight"; empty
/// where all are.
std::string first_not_finite(const nn::Module& network, const std::function<void()>& forward);

/// The parameter whose gradient is the first of a backward pass that is not finite, such as "the gradient of
/// conv1.weight"; empty where all are.
std::string first_gradient_not_finite(const nn::Module& network);

}  // namespace apps
