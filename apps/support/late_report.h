#pragma once

#include <filesystem>
#include <functional>

#include "apps/support/training_flags.h"
#include "data/dataset.h"

namespace apps {

/// Writes the report of a run at any time, also while it goes on, with pictures of what its last weights see. An Error
/// where the folder is not that of a run. Where the test set cannot be loaded any more, a line says so, and the
/// pictures stay as they are.
void write_late_report(const TrainingFlags& flags, const std::function<data::Dataset()>& load_test_set,
                       const std::filesystem::path& run);

}  // namespace apps
