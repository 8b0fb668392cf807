#include "mixup/policies.h"

namespace mixup {

Policy none(const PolicyOptions&) {
  return [](const data::Batch& batch, engine::Rng&) { return unmixed(batch); };
}

}  // namespace mixup
