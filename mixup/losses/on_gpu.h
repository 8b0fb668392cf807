#pragma once

#include "engine/tensor.h"
#include "mixup/losses.h"

namespace mixup {

/// Rows of a loss on the GPU: loss (1) is the mean of those of logits (n, classes), and dlogits their gradients, not
/// yet divided by n. Each row of targets (n, 4) is class a, class b, the share of a, and the row's weight. `Row` is one
/// of the losses in this folder. Where a logit is not finite neither is the loss.
template <class Row>
void rows_on_gpu(const Row& row, const engine::Tensor& logits, const engine::Tensor& targets, Kind kind,
                 engine::Tensor& loss, engine::Tensor& dlogits);

}  // namespace mixup
