#pragma once

#include <algorithm>

#include "mixup/policies.h"

namespace mixup {

/// CutMix's box (Yun et al., 2019): sides of int(h ratio) and int(w ratio) around a centre, each half rounded down, and
/// what lies outside the image is lost. It may be empty.
inline Box box_around(int64_t cy, int64_t cx, double ratio, const Scene& scene) {
  const auto half_h = static_cast<int64_t>(static_cast<double>(scene.h) * ratio) / 2;
  const auto half_w = static_cast<int64_t>(static_cast<double>(scene.w) * ratio) / 2;
  return {std::max<int64_t>(0, cy - half_h), std::min(scene.h, cy + half_h), std::max<int64_t>(0, cx - half_w),
          std::min(scene.w, cx + half_w)};
}

/// Sets the mask (h, w) to 0 within the box: there the image keeps nothing.
inline void cut(std::vector<float>& mask, const Scene& scene, const Box& box) {
  for (int64_t y = box.y0; y < box.y1; ++y) std::fill_n(mask.begin() + y * scene.w + box.x0, box.width(), 0.0f);
}

inline std::vector<float> uncut(const Scene& scene) {
  return std::vector<float>(static_cast<size_t>(scene.h * scene.w), 1.0f);
}

}  // namespace mixup
