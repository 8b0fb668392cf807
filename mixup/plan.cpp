#include "mixup/plan.h"

#include <numeric>

#include "engine/kernels.h"

namespace mixup {

using engine::Tensor;

Plan unmixed(const data::Batch& batch) {
  Plan plan{std::vector<int>(batch.labels.size()), {}};
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
  if (!plan.mixes()) return images;
  const engine::Shape &x = images.shape(), &m = plan.mask.shape();
  ENSURE(m[0] == x[0] && m[3] == 1 && ((m[1] == 1 && m[2] == 1) || (m[1] == x[1] && m[2] == x[2])), "mix: mask ", m,
         " does not fit images ", x);
  ENSURE(static_cast<int64_t>(plan.partner.size()) == x[0], "mix: ", plan.partner.size(), " partners for images ", x);
  for (int partner : plan.partner) ENSURE(partner >= 0 && partner < x[0], "mix: partner ", partner, " of images ", x);
  Tensor mixed(x, images.device());
  engine::kernel::mix(images, plan.partner, plan.mask, mixed);
  return mixed;
}

Targets targets(const Plan& plan, const std::vector<int>& labels) {
  ENSURE(plan.partner.size() == labels.size(), "targets: ", plan.partner.size(), " partners for ", labels.size(),
         " labels");
  Targets targets{labels, labels, shares(plan)};
  for (size_t i = 0; i < labels.size(); ++i) {
    const int other = labels[static_cast<size_t>(plan.partner[i])];
    if (targets.lambda[i] < 1) targets.b[i] = other;
    if (targets.lambda[i] <= 0) targets.a[i] = other;
  }
  return targets;
}

}  // namespace mixup
