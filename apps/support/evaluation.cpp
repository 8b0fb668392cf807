#include "apps/support/evaluation.h"

#include <algorithm>
#include <cmath>

#include "apps/support/finite.h"
#include "engine/variable.h"
#include "mixup/losses.h"

namespace apps {

using data::Batch;
using engine::Variable;
using nn::Mode;

namespace {

/// How many classes score higher than the label; of equal scores the lower class counts as higher, and so does a NaN.
int rank_of(const float* logits, int classes, int label) {
  int rank = 0;
  for (int c = 0; c < classes; ++c) {
    const bool lower = logits[c] < logits[label] || (logits[c] == logits[label] && c >= label);
    rank += !lower;
  }
  return rank;
}

}  // namespace

int best_class(const float* logits, int classes) {
  return static_cast<int>(std::max_element(logits, logits + classes) - logits);
}

Evaluation evaluate(nn::Network& network, data::Loader& loader, const Watch& watch) {
  const engine::NoGrad no_grad;
  const mixup::Loss cross_entropy = mixup::make_loss("ce", {});
  double loss = 0, top1 = 0, top5 = 0, count = 0;
  loader.start(0);
  for (Batch batch; loader.next(batch);) {
    const Variable images(batch.images.to(device_of(network)));
    const Variable logits(network.forward(images, Mode::eval).value().to(engine::Device::cpu));
    const auto n = static_cast<double>(batch.count());
    loss += is_finite(logits.value())
                ? n * cross_entropy(logits, mixup::targets(mixup::unmixed(batch), batch.labels)).value().item()
                : NAN;
    const int classes = static_cast<int>(logits.shape()[1]);
    for (int64_t i = 0; i < batch.count(); ++i) {
      const int rank = rank_of(logits.value().data() + i * classes, classes, batch.labels[static_cast<size_t>(i)]);
      top1 += rank < 1;
      top5 += rank < 5;
    }
    count += n;
    if (watch) watch(batch, logits.value());
  }
  return {loss / count, 100 * top1 / count, 100 * top5 / count};
}

MixedEvaluation evaluate_mixed(nn::Network& network, data::Loader& loader, const mixup::Policy& policy,
                               const Watch& watch) {
  const engine::NoGrad no_grad;
  double top1 = 0, top2 = 0, count = 0;
  loader.start(0);
  for (Batch batch; loader.next(batch);) {
    if (batch.count() < 2) continue;  // a last image alone
    engine::Rng rng(0, engine::Purpose::mix_test, 0, static_cast<uint32_t>(batch.step));
    const mixup::Plan plan = policy(batch, rng);
    if (!plan.mixes()) continue;
    const engine::Tensor images = batch.images.to(device_of(network));
    const Variable logits(mixup::forward(network, plan, images, Mode::eval).value().to(engine::Device::cpu));
    if (watch) watch(batch, logits.value());
    const mixup::Targets targets = mixup::targets(plan, batch.labels);
    const int classes = static_cast<int>(logits.shape()[1]);
    for (size_t i = 0; i < targets.a.size(); ++i) {
      if (targets.a[i] == targets.b[i]) continue;
      const float* row = logits.value().data() + static_cast<int64_t>(i) * classes;
      const auto [first, second] =
          std::minmax({rank_of(row, classes, targets.a[i]), rank_of(row, classes, targets.b[i])});
      top1 += first == 0;
      top2 += first == 0 && second == 1;
      ++count;
    }
  }
  return {100 * top1 / count, 100 * top2 / count};
}

}  // namespace apps
