#pragma once

#include <string>
#include <vector>

#include "apps/support/manual.h"
#include "apps/support/training_flags.h"

namespace apps {

/// The main function of a training program: reads flags and recipe, loads the pictures, trains. Summary and examples
/// are those of its manual. The first of the data sets that it offers is the usual one.
int run_training(int argc, char** argv, const char* name, const std::string& summary,
                 const std::vector<Entry>& examples, const std::vector<std::string>& datasets,
                 const TrainingFlags& defaults);

}  // namespace apps
