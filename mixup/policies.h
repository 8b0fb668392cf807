#pragma once

#include <functional>
#include <string>
#include <vector>

#include "engine/rng.h"
#include "mixup/plan.h"

namespace mixup {

/// Decides how the images of a batch are mixed, from random numbers that belong to the step alone.
using Policy = std::function<Plan(const data::Batch& batch, engine::Rng& rng)>;

struct PolicyOptions {
  double alpha = 1;  // lambda ~ Beta(alpha, alpha)
  double prob = 1;   // share of the batches that are mixed at all
};

struct PolicyEntry {
  const char* name;
  double alpha;  // customary on CIFAR; 0 where the policy has none
  Policy (*make)(const PolicyOptions& options);
};

/// Every policy, by name.
const std::vector<PolicyEntry>& policies();

/// The policy of that name, applied to a share `prob` of the batches; an Error lists the names where there is none
/// such.
Policy make_policy(const std::string& name, const PolicyOptions& options);

// mixup/policies/none.cpp
Policy none(const PolicyOptions& options);

// mixup/policies/mixup.cpp
Policy mixup(const PolicyOptions& options);

// mixup/policies/cutmix.cpp
Policy cutmix(const PolicyOptions& options);

}  // namespace mixup
