#include "mixup/plan.h"

#include <numeric>

#include "engine/ops.h"

namespace mixup {

using engine::Tensor;
using engine::Variable;

Tensor packed(const Targets& targets) {
  Tensor rows({targets.count(), 4});
  float* to = rows.data();
  for (size_t i = 0; i < targets.a.size(); ++i) {
    *to++ = static_cast<float>(targets.a[i]);
    *to++ = static_cast<float>(targets.b[i]);
    *to++ = targets.lambda[i];
    *to++ = targets.weight.empty() ? 1 : targets.weight[i];
  }
  return rows;
}

Plan unmixed(const data::Batch& batch) {
  Plan plan{.partner = std::vector<int>(batch.labels.size())};
  std::iota(plan.partner.begin(), plan.partner.end(), 0);
  return plan;
}

std::vector<float> shares(const Plan& plan) {
  std::vector<float> shares(plan.partner.size(), 1);
  if (!plan.mixes()) return shares;
  const int64_t pixels = plan.mask.elements() / static_cast<int64_t>(shares.size());
  for (size_t i = 0; i < shares.size(); ++i) {
    const float* mask = plan.mask.data() + static_cast<int64_t>(i) * pixels;
    shares[i] = static_cast<float>(std::accumulate(mask, mask + pixels, 0.0) / static_cast<double>(pixels));
  }
  return shares;
}

Tensor apply(const Plan& plan, const Tensor& images) {
  if (!plan.mixes() || plan.stage > 0) return images;
  return engine::mix(Variable(images), plan.partner, plan.mask.to(images.device()), plan.source.to(images.device()))
      .value();
}

Variable forward(nn::Network& network, const Plan& plan, const Tensor& images, nn::Mode mode) {
  if (plan.stage == 0) return network.forward(Variable(apply(plan, images)), mode);
  ENSURE(plan.stage <= network.stages(), "mix: stage ", plan.stage, " of a network with ", network.stages());
  return network.forward(Variable(images), mode, [&](int stage, const Variable& y) {
    return stage == plan.stage ? engine::mix(y, plan.partner, plan.mask.to(images.device())) : y;
  });
}

Targets targets(const Plan& plan, const std::vector<int>& labels) {
  ENSURE(plan.partner.size() == labels.size(), "targets: ", plan.partner.size(), " partners for ", labels.size(),
         " labels");
  Targets targets{.a = labels, .b = labels, .lambda = shares(plan), .kind = plan.kind};
  for (size_t i = 0; i < labels.size(); ++i) {
    const int other = labels[static_cast<size_t>(plan.partner[i])];
    if (targets.lambda[i] < 1) targets.b[i] = other;
    if (targets.lambda[i] <= 0) targets.a[i] = other;
  }
  return targets;
}

}  // namespace mixup
