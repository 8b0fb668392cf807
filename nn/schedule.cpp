#include "nn/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "engine/names.h"

namespace nn {
namespace {

Schedule cosine(const ScheduleOptions& o) {
  return [o](int64_t step) {
    const double length = static_cast<double>(std::max<int64_t>(1, o.steps - o.warmup_steps));
    const double done = std::min(1.0, static_cast<double>(step - o.warmup_steps) / length);
    return o.min_lr + (o.lr - o.min_lr) * 0.5 * (1 + std::cos(std::numbers::pi * done));
  };
}

Schedule step_decay(const ScheduleOptions& o) {
  return [o](int64_t step) {
    return std::max(o.min_lr, o.lr * std::pow(o.decay_rate, static_cast<double>(step / o.decay_steps)));
  };
}

Schedule constant(const ScheduleOptions& o) {
  return [o](int64_t) { return o.lr; };
}

}  // namespace

const std::vector<ScheduleEntry>& schedules() {
  static const std::vector<ScheduleEntry> table{{"cosine", cosine}, {"step", step_decay}, {"constant", constant}};
  return table;
}

Schedule make_schedule(const std::string& name, const ScheduleOptions& o) {
  const Schedule after = engine::find_named(schedules(), "schedule", name).make(o);
  return [o, after](int64_t step) {
    if (step >= o.warmup_steps) return after(step);
    return o.warmup_lr + (o.lr - o.warmup_lr) * static_cast<double>(step) / static_cast<double>(o.warmup_steps);
  };
}

}  // namespace nn
