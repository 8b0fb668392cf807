#include "mixup/policies.h"

#include "engine/names.h"

namespace mixup {

const std::vector<PolicyEntry>& policies() {
  static const std::vector<PolicyEntry> table{{"none", 0, none}, {"mixup", 1, mixup}, {"cutmix", 0.2, cutmix}};
  return table;
}

Policy make_policy(const std::string& name, const PolicyOptions& options) {
  ENSURE(options.prob >= 0 && options.prob <= 1, "mix-prob: ", options.prob, " is not between 0 and 1");
  const PolicyEntry& entry = engine::find_named(policies(), "policy", name);
  ENSURE(entry.alpha == 0 || options.alpha >= 1e-3, "mix-alpha: ", options.alpha, " is below 0.001");
  return [policy = entry.make(options), prob = options.prob](const data::Batch& batch, engine::Rng& rng) {
    return rng.uniform() < prob ? policy(batch, rng) : unmixed(batch);
  };
}

}  // namespace mixup
