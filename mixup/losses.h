#pragma once

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/variable.h"
#include "mixup/plan.h"

namespace mixup {

/// The mean over the rows of logits (n, classes) of a loss of the mixed targets, each row times its weight: a scalar.
/// An Error where the targets do not fit the logits, or a logit is not finite.
using Loss = std::function<engine::Variable(const engine::Variable& logits, const Targets& targets)>;

/// Which decoupled terms count: both, that of the class with the smaller or the larger share (of equal shares both), or
/// that of class a alone: the labeled image, in semi-supervised training.
enum class Sides { both, minor, major, labeled };
/// What both classes of a picture should score: their shares, or 1 each.
enum class BceTarget { one, two };
/// How the classes of a row are put together.
enum class Reduction { sum, mean };

/// Of all losses; each reads those that concern it.
struct LossOptions {
  double smoothing = 0;  // share of each target that goes to all classes alike; not in decoupled terms

  // "dm"
  double dm_eta = 0.1;           // weight of the decoupled terms,
  double dm_weight_power = 0;    // times lambda^k for that of a and (1 - lambda)^k for that of b
  Sides dm_sides = Sides::both;  // which of them count
  double dm_min_share = 1e-3;    // none where a share is not above this: it shows nothing

  // "bce", and the reduction for "dm-bce" too
  BceTarget bce_target = BceTarget::one;
  Reduction bce_reduction = Reduction::sum;

  // "dm-bce": exponent and threshold; unset: the paper's for the kind of policy
  std::optional<double> dm_t = {}, dm_xi = {};
};

/// One row's target: class a with share lambda, class b with 1 - lambda.
struct Pair {
  int a, b;
  double lambda;
  Kind kind = Kind::cutting;
};

/// The loss of one row in double precision, with its parts by name.
struct Explanation {
  double loss;
  std::vector<std::pair<const char*, double>> terms;
};

struct LossEntry {
  const char* name;
  std::function<Loss(const LossOptions& options)> make;
  /// The same formula for one row of logits z, `classes` long; writes its gradient to dz.
  std::function<Explanation(const double* z, int classes, const Pair& pair, const LossOptions& options, double* dz)>
      explain;
};

/// Every loss, by name.
const std::vector<LossEntry>& losses();

/// The loss of that name; an Error lists the names where there is none such, or says which option is impossible.
Loss make_loss(const std::string& name, const LossOptions& options);

}  // namespace mixup
