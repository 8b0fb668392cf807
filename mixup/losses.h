#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "engine/variable.h"
#include "mixup/plan.h"

namespace mixup {

/// The mean over the rows of logits (n, classes) of a loss of the mixed targets, a scalar.
using Loss = std::function<engine::Variable(const engine::Variable& logits, const Targets& targets)>;

struct LossOptions {
  double dm_eta = 0.1;  // weight of the decoupled term
};

/// One row's target: class a with share lambda, class b with 1 - lambda.
struct Pair {
  int a, b;
  double lambda;

  /// Whether two classes are visible: a share of a thousandth or less, a pixel of 32 x 32, shows nothing.
  bool mixed() const { return a != b && lambda > 1e-3 && lambda < 1 - 1e-3; }
};

/// The loss of one row in double precision, with its parts by name.
struct Explanation {
  double loss;
  std::vector<std::pair<const char*, double>> terms;
};

struct LossEntry {
  const char* name;
  Loss (*make)(const LossOptions& options);
  /// The same formula for one row of logits z, `classes` long; writes its gradient to dz.
  Explanation (*explain)(const double* z, int classes, Pair pair, const LossOptions& options, double* dz);
};

/// Every loss, by name.
const std::vector<LossEntry>& losses();

/// The loss of that name; an Error lists the names where there is none such.
Loss make_loss(const std::string& name, const LossOptions& options);

// mixup/losses/ce.cpp
Loss ce(const LossOptions& options);
Explanation explain_ce(const double* z, int classes, Pair pair, const LossOptions& options, double* dz);

// mixup/losses/dm.cpp
Loss dm(const LossOptions& options);
Explanation explain_dm(const double* z, int classes, Pair pair, const LossOptions& options, double* dz);

}  // namespace mixup
