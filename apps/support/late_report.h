#pragma once

#include <filesystem>

#include "apps/support/mixing_flags.h"
#include "apps/support/training_flags.h"
#include "data/dataset.h"

namespace apps {

/// The policy that mixes every batch, by which a network is judged and shown.
mixup::Policy every_batch(MixingOptions mixing);

/// What the pictures of a run are headed by: "resnet18, cutmix, dm on cifar100".
std::string title_of(const TrainingFlags& flags, const data::Dataset& set);

/// Writes the report of a run at any time, also while it goes on, with pictures of what its last weights see. An Error
/// where the folder is not that of a run.
void write_late_report(const TrainingFlags& flags, const data::Dataset& test_set, const std::filesystem::path& run);

}  // namespace apps
