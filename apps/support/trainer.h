#pragma once

#include <filesystem>

#include "apps/support/training_flags.h"
#include "apps/support/training_state.h"
#include "data/dataset.h"

namespace apps {

/// Makes the run folder, trains, evaluates after every epoch, and prints a table of the epochs below the arguments that
/// are to be `told`. Where a run folder is given, the run in it goes on from where it was saved last, to the same end;
/// from a state file it goes on in a new folder. The first SIGINT or SIGTERM saves the run and throws Interrupted.
void train(const TrainingFlags& flags, const Origin& origin, const Arguments& told, const data::Dataset& train_set,
           const data::Dataset& test_set, const std::filesystem::path& resumed);

}  // namespace apps
