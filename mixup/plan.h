#pragma once

#include <vector>

#include "data/loader.h"
#include "engine/tensor.h"

namespace mixup {

/// Who is in each mixed image: class a with share lambda, class b with the rest. a == b where the image shows one
/// class.
struct Targets {
  std::vector<int> a, b;
  std::vector<float> lambda;

  int64_t count() const { return static_cast<int64_t>(a.size()); }
};

/// How the images of a batch meet: image i keeps mask[i] of itself and takes the rest from image partner[i].
struct Plan {
  std::vector<int> partner;
  engine::Tensor mask;  // (n, h, w, 1), or (n, 1, 1, 1) where it is constant over the image

  bool mixes() const { return mask.defined(); }
};

/// The plan that leaves every image as it is.
Plan unmixed(const data::Batch& batch);

/// The share of itself that each image keeps: the mean of its mask.
std::vector<float> shares(const Plan& plan);

/// The mixed images.
engine::Tensor apply(const Plan& plan, const engine::Tensor& images);

/// The classes and shares in the mixed images. Where a share is 0 or 1 only one class is visible, and a == b.
Targets targets(const Plan& plan, const std::vector<int>& labels);

}  // namespace mixup
