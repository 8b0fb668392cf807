#pragma once

#include "engine/kernels.h"
#include "engine/variable.h"

/// The differentiable functions. Each checks shapes, calls kernels (engine/kernels.h has the shapes and formulas), and
/// says how to go back. A shape that does not fit throws an Error that names it.
namespace engine {

Variable add(const Variable& a, const Variable& b);
Variable relu(const Variable& x);
Variable reshape(const Variable& x, Shape shape);
Variable scale(const Variable& x, float factor);
Variable cast(const Variable& x, DType type);  // x itself where it is of that type

Variable conv2d(const Variable& x, const Variable& weight, const Conv2dSpec& spec = {});

/// With train, normalises by the statistics of x and updates the running ones; without, by the running ones. Then adds
/// a residual of the shape of x, if one is given, and takes the ReLU, if the spec says so.
Variable batch_norm(const Variable& x, const Variable& gamma, const Variable& beta, Tensor running_mean,
                    Tensor running_var, bool train, const BatchNormSpec& spec = {}, const Variable& residual = {});

Variable linear(const Variable& x, const Variable& weight, const Variable& bias);

Variable max_pool2d(const Variable& x, const Pool2dSpec& spec);
Variable avg_pool2d(const Variable& x, const Pool2dSpec& spec);
Variable global_avg_pool(const Variable& x);  // (n, h, w, c) to (n, c), float32 of any type

/// y[i] = mask[i] x[i] + (1 - mask[i]) x[partner[i]] for x (n, h, w, c) and mask (n, h, w, 1) or (n, 1, 1, 1). With a
/// source of the shape of x, which gets no gradient, source[i] stands in the place of x[partner[i]].
Variable mix(const Variable& x, const std::vector<int>& partner, const Tensor& mask, const Tensor& source = {});

Variable log_softmax(const Variable& x);

/// The mean over rows of the cross entropy of softmax(logits) with the target rows, which are weights and not indices.
Variable softmax_cross_entropy(const Variable& logits, const Tensor& target);

}  // namespace engine
