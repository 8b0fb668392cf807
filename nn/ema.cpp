#include "nn/ema.h"

#include "engine/kernels.h"

namespace nn {

Ema::Ema(const Module& network, const Module& average, double decay)
    : from_(state_of(network)), to_(state_of(average)), weight_(static_cast<float>(1 - decay)) {
  ENSURE(decay >= 0 && decay < 1, "ema: decay ", decay, " is not from 0 to below 1");
  ENSURE(from_.size() == to_.size(), "ema: networks of ", from_.size(), " and ", to_.size(), " entries");
  for (size_t i = 0; i < from_.size(); ++i) {
    ENSURE(from_[i].variable.shape() == to_[i].variable.shape(), "ema: ", from_[i].name, " has another shape");
    engine::kernel::scale(from_[i].variable.value(), 1, to_[i].variable.value());
  }
}

void Ema::update() {
  for (size_t i = 0; i < from_.size(); ++i) {
    engine::kernel::lerp(from_[i].variable.value(), weight_, to_[i].variable.value());
  }
}

}  // namespace nn
