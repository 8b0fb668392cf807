#pragma once

#include <filesystem>

#include "apps/support/run_folder.h"
#include "apps/support/training_flags.h"
#include "data/dataset.h"

namespace apps {

/// Makes the run folder, trains, evaluates after every epoch, and prints a table of the epochs. `arguments` are what
/// the run folder and the first lines tell about the run. Where a run folder is given, the run in it goes on from where
/// it was saved last, to the same end; from a state file it goes on in a new folder. The first SIGINT or SIGTERM saves
/// the run and throws Interrupted.
void train(const TrainingFlags& flags, const Arguments& arguments, const data::Dataset& train_set,
           const data::Dataset& test_set, const std::filesystem::path& resumed);

}  // namespace apps
