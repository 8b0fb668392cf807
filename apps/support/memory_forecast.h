#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "apps/support/training_flags.h"
#include "data/dataset.h"

namespace apps {

/// Bytes that a training will use at most: of the system, this program with its data sets among them, and of the GPU
/// where it trains there; and how many of those a further image in a batch takes.
struct MemoryForecast {
  int64_t system = 0, gpu = 0;
  double by_image = 0;
};

/// Found out by some steps on the CPU with small parts of a batch; mostly within a tenth. Of a training that is tested,
/// if there is a test set. An Error where there is not even the memory for those steps.
MemoryForecast forecast_memory(const TrainingFlags& flags, const data::Dataset& train_set,
                               const data::Dataset* test_set = nullptr);

/// The largest batch with which a training on the GPU needs no more than that.
int64_t batch_that_fits(const MemoryForecast& forecast, int64_t batch, int64_t memory);

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

/// An Error where a training with that batch needs more memory than there is, or so nearly all that the forecast may be
/// wrong; it says what would fit the GPU.
void require_memory(const MemoryForecast& needed, int64_t batch);

/// "1.10 GiB", with "and 3.10 GiB of the GPU" where it has a part in it.
std::string memory_size(const MemoryForecast& forecast);

}  // namespace apps
