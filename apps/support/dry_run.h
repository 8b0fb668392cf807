#pragma once

#include "apps/support/training_flags.h"
#include "data/dataset.h"

namespace apps {

/// Prints a table of the network's layers, trains a few steps whose result is thrown away, and tells what a whole run
/// would take: memory and time. Writes nothing.
void dry_run(const TrainingFlags& options, const data::Dataset& train_set, const data::Dataset& test_set);

}  // namespace apps
