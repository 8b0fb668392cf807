#pragma once

#include <string>
#include <vector>

#include "apps/support/training_flags.h"

namespace apps {

/// The main function of a training program: reads flags and recipe, loads the pictures, trains. The first of the data
/// sets that it offers is the usual one.
int run_training(int argc, char** argv, const char* name, const std::string& description,
                 const std::vector<std::string>& datasets, const TrainingFlags& defaults);

}  // namespace apps
