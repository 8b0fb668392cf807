#pragma once

#include <functional>

#include "data/loader.h"
#include "mixup/policies.h"
#include "nn/module.h"

namespace apps {

/// How a network does on pictures as they are: mean cross entropy, NaN where a logit is not finite, and the percentages
/// whose class is the best, or among the five best.
struct Evaluation {
  double loss, top1, top5;
};
/// Called with every batch and its logits (n, classes), on the CPU.
using Watch = std::function<void(const data::Batch& batch, const engine::Tensor& logits)>;
Evaluation evaluate(nn::Network& network, data::Loader& loader, const Watch& watch = {});

/// The class with the highest logit; of several the first.
int best_class(const float* logits, int classes);

/// How it does on mixed pictures of two classes (Liu et al., 2023): the percentages where the best class is one of the
/// two, and where the two best are exactly these. NaN where the policy mixed no such pictures.
struct MixedEvaluation {
  double top1, top2;
};
/// Mixes the loader's batches by the policy with a seed of its own, the same at every call. Pictures that show one
/// class alone do not count.
MixedEvaluation evaluate_mixed(nn::Network& network, data::Loader& loader, const mixup::Policy& policy,
                               const Watch& watch = {});

}  // namespace apps
