#pragma once

#include <vector>

#include "data/loader.h"
#include "engine/variable.h"
#include "nn/module.h"

namespace mixup {

/// What mixing does to the content of an image: a cut replaces part of it, interpolation fades all of it.
enum class Kind { cutting, interpolation };

/// Who is in each mixed image: class a with share lambda, class b with the rest. a == b where the image shows one
/// class.
struct Targets {
  std::vector<int> a, b;
  std::vector<float> lambda;
  std::vector<float> weight = {};  // of the image in the loss, 0 or more; empty: 1 for all
  Kind kind = Kind::cutting;
  engine::Tensor rows = {};  // packed() on the GPU; undefined: a loss takes them there when it needs them

  int64_t count() const { return static_cast<int64_t>(a.size()); }
};

/// Targets as a loss on a GPU reads them (n, 4): class a, class b, the share of a and the weight of each image.
engine::Tensor packed(const Targets& targets);

/// How the images of a batch meet: image i keeps mask[i] of itself and takes the rest from image partner[i].
struct Plan {
  std::vector<int> partner;
  engine::Tensor mask = {};    // (n, h, w, 1), or (n, 1, 1, 1) where it is constant over the image
  engine::Tensor source = {};  // (n, h, w, c) if defined: image i takes the rest from source[i], made of its partner
  int stage = 0;               // 0: the images are mixed; k: what stage k of the network makes of them
  Kind kind = Kind::cutting;

  bool mixes() const { return mask.defined(); }
};

/// The plan that leaves every image as it is.
Plan unmixed(const data::Batch& batch);

/// The share of itself that each image keeps: the mean of its mask.
std::vector<float> shares(const Plan& plan);

/// The mixed images, on the device of the images, wherever the plan was made; the images themselves where they are
/// mixed in a later stage.
engine::Tensor apply(const Plan& plan, const engine::Tensor& images);

/// The network's logits of the images, mixed in the plan's stage. An Error where the network has no such stage.
engine::Variable forward(nn::Network& network, const Plan& plan, const engine::Tensor& images, nn::Mode mode);

/// The classes and shares in the mixed images. Where a share is 0 or 1 only one class is visible, and a == b.
Targets targets(const Plan& plan, const std::vector<int>& labels);

}  // namespace mixup
