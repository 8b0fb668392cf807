#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "apps/support/training_flags.h"
#include "data/dataset.h"

namespace apps {

/// Bytes that a training will use at most, this program with its data sets among them. Found out by some steps with
/// small parts of a batch; mostly within a tenth. An Error where there is not even the memory for those.
int64_t forecast_memory(const TrainingFlags& flags, const data::Dataset& train_set);

/// Bytes that this program uses now, and the most it has used.
int64_t memory_in_use();
int64_t most_memory_used();

/// Bytes that this program could use in all: what it has, and what the system, its control group and its limits would
/// still give it.
int64_t memory_within_reach();

/// Bytes that the control groups of a process leave it, of either version: the tightest one on the way to the root
/// counts, and pages of files that nobody needs count as free.
int64_t memory_left_by_groups(const std::filesystem::path& groups = "/sys/fs/cgroup",
                              const std::filesystem::path& of_process = "/proc/self/cgroup");

/// "1.25 GiB", or "37 MiB" where it is less than one.
std::string memory_size(int64_t bytes);

/// An Error where a training needs more memory than there is, or so nearly all that the forecast may be wrong.
void require_memory(int64_t needed);

}  // namespace apps
