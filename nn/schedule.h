#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace nn {

/// What a schedule is made from; all lengths in steps of the optimizer.
struct ScheduleOptions {
  double lr = 0.1, min_lr = 0;
  int64_t steps = 1;         // of the whole run
  int64_t warmup_steps = 0;  // linear from warmup_lr to lr
  double warmup_lr = 0;
  int64_t decay_steps = 1;  // "step": every so many steps, times decay_rate
  double decay_rate = 0.1;
};

/// The learning rate of a step, counted from 0.
using Schedule = std::function<double(int64_t step)>;

struct ScheduleEntry {
  const char* name;
  Schedule (*make)(const ScheduleOptions& options);
};

/// "cosine" from lr at the end of the warm-up to min_lr after the last step (Loshchilov, Hutter, 2017), "step",
/// "constant".
const std::vector<ScheduleEntry>& schedules();

/// The schedule of that name, after its warm-up; an Error lists the names where there is none such.
Schedule make_schedule(const std::string& name, const ScheduleOptions& options);

}  // namespace nn
