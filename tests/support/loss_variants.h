#pragma once

#include <string>
#include <vector>

#include "mixup/losses.h"

namespace support {

/// A loss with options, and what must hold for it.
struct LossVariant {
  const char* name;
  mixup::LossOptions options = {};
  bool symmetric = true;  // exchanging both images changes nothing
  mixup::Kind kind = mixup::Kind::cutting;

  bool softmax() const { return name == std::string("ce") || name == std::string("dm"); }
};

inline std::vector<LossVariant> loss_variants() {
  using mixup::BceTarget, mixup::Kind, mixup::Reduction, mixup::Sides;
  return {{"ce"},
          {"ce", {.smoothing = 0.1}},
          {"dm"},
          {"dm", {.smoothing = 0.1, .dm_eta = 1}},
          {"dm", {.dm_eta = 0.25, .dm_weight_power = 1}},
          {"dm", {.dm_weight_power = 0.5, .dm_sides = Sides::minor}},
          {"dm", {.dm_sides = Sides::major}},
          {"dm", {.dm_eta = 1, .dm_sides = Sides::labeled}, false},
          {"dm", {.dm_min_share = 0}},
          {"bce"},
          {"bce", {.smoothing = 0.2, .bce_reduction = Reduction::mean}},
          {"bce", {.bce_target = BceTarget::two}},
          {"dm-bce"},
          {"dm-bce", {}, true, Kind::interpolation},
          {"dm-bce", {.smoothing = 0.1, .bce_reduction = Reduction::mean, .dm_t = 2, .dm_xi = 0.7}},
          {"dm-bce", {.dm_t = 0}}};
}

}  // namespace support
