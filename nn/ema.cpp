#include "nn/ema.h"

#include "engine/kernels.h"

namespace nn {

Ema::Ema(const Module& network, const Module& average, double decay) : weight_(static_cast<float>(1 - decay)) {
  ENSURE(decay >= 0 && decay < 1, "ema: decay ", decay, " is not from 0 to below 1");
  const State from = state_of(network), to = state_of(average);
  ENSURE(from.size() == to.size(), "ema: networks of ", from.size(), " and ", to.size(), " entries");
  for (size_t i = 0; i < from.size(); ++i) {
    ENSURE(from[i].variable.shape() == to[i].variable.shape(), "ema: ", from[i].name, " has another shape");
    from_.push_back(from[i].variable.value());
    to_.push_back(to[i].variable.value());
    to_.back().copy_from(from_.back());
  }
}

void Ema::update(const Gate& gate) { engine::kernel::lerp(from_, weight_, gate.state(), to_); }

}  // namespace nn
