#pragma once

#include <array>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "engine/rng.h"
#include "mixup/plan.h"

namespace mixup {

/// A rectangle of pixels: rows y0 .. y1 - 1, columns x0 .. x1 - 1.
struct Box {
  int64_t y0, y1, x0, x1;

  int64_t height() const { return y1 - y0; }
  int64_t width() const { return x1 - x0; }
  bool empty() const { return height() <= 0 || width() <= 0; }
};

/// What a policy may look at: the image that is mixed in, (h, w, c).
struct Scene {
  int64_t h, w, c;
  const float* donor;  // where the policy looks at images
};

/// What a policy draws: how much of itself an image keeps at each pixel.
struct Blend {
  std::vector<float> mask;          // (h, w), or one value for all pixels
  std::optional<Box> squeeze = {};  // where the whole donor is mixed in, made smaller; unset: it stays where it is
};

/// A row of the table of policies.
struct PolicyEntry {
  const char* name;
  Kind kind;
  /// Draws a blend from lambda ~ Beta(alpha, alpha), or another distribution if the policy has no alpha. Null: no
  /// mixing.
  Blend (*draw)(const Scene& scene, double alpha, engine::Rng& rng);
  /// Customary alphas on CIFAR, Tiny-ImageNet, ImageNet, fine-grained sets, by data::Family; 0: the policy has none.
  std::array<double, 4> alphas = {};
  int stages = 1;      // it mixes in a stage drawn from 0, the images, to stages - 1
  bool looks = false;  // at the images, which the CPU then has to have

  bool has_alpha() const { return alphas[0] > 0; }
};

/// Every policy, by name.
const std::vector<PolicyEntry>& policies();

/// A policy of a list, which takes its turn with a chance of weight / sum of weights.
struct Choice {
  const PolicyEntry* entry;
  double alpha, weight;
};

/// Whether lambda, the mask and the choice to mix at all are drawn once a batch, or for each image.
enum class Draws { batch, elem };

struct PolicyOptions {
  std::optional<double> alpha = {};  // of all policies that have one; unset: their own for the family of data sets
  data::Family family = data::Family::cifar;
  std::optional<double> switch_prob = {};  // of the second of two policies; unset: as the list says
  double prob = 1;                         // share of the batches, or images, that are mixed at all
  Draws draws = Draws::batch;
  int64_t off_epoch = 0;  // from this epoch on, counted from 0, nothing is mixed; 0: never
};

// mixup/policy_list.cpp

/// Reads a list such as "cutmix", "mixup+cutmix" or "mixup@0.8:1+cutmix@1:3", each a name, its @alpha, and its :weight.
/// An Error says what is wrong with it.
std::vector<Choice> parse_policies(const std::string& list, const PolicyOptions& options);

/// The list with every alpha and weight written out where they matter.
std::string list_of(const std::vector<Choice>& choices);

// mixup/policies.cpp

/// Decides how the images of a batch are mixed, from random numbers that belong to the step alone. An Error where a
/// batch of one image has no partner to offer.
using Policy = std::function<Plan(const data::Batch& batch, engine::Rng& rng)>;

Policy make_policy(const std::vector<Choice>& choices, const PolicyOptions& options);

/// The policy of a list as parse_policies() reads it.
Policy make_policy(const std::string& list, const PolicyOptions& options);

// mixup/policies/<name>.cpp
Blend mixup(const Scene& scene, double alpha, engine::Rng& rng);
Blend cutmix(const Scene& scene, double alpha, engine::Rng& rng);
Blend manifoldmix(const Scene& scene, double alpha, engine::Rng& rng);
Blend fmix(const Scene& scene, double alpha, engine::Rng& rng);
Blend resizemix(const Scene& scene, double alpha, engine::Rng& rng);
Blend saliencymix(const Scene& scene, double alpha, engine::Rng& rng);
Blend gridmix(const Scene& scene, double alpha, engine::Rng& rng);
Blend smoothmix(const Scene& scene, double alpha, engine::Rng& rng);

}  // namespace mixup
