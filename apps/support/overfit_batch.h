#pragma once

#include "apps/support/training_flags.h"
#include "data/dataset.h"

namespace apps {

/// A smoke test: learns one mixed batch by heart, at most --max-steps or 200 steps, and prints how the loss falls.
/// Writes nothing. An Error where the network does not come to know the classes of nine of ten of its images.
void overfit_batch(const TrainingFlags& flags, const data::Dataset& train_set);

}  // namespace apps
