#include "apps/support/overfit_batch.h"

#include <cmath>
#include <cstdio>

#include "apps/support/learner.h"
#include "apps/support/memory_forecast.h"
#include "engine/error.h"

namespace apps {

void overfit_batch(const TrainingFlags& flags, const data::Dataset& train_set) {
  require_memory(forecast_memory(flags, train_set), flags.batch_size);
  Learner learner(flags, train_set);
  const data::Batch batch = data::first_batch(
      train_set, {.batch = flags.batch_size, .train = true, .seed = flags.seed, .device = device_of(flags)});

  const int64_t most = flags.max_steps > 0 ? flags.max_steps : 200;
  std::printf("%s learns %ld images by heart, mix %s, loss %s, lr %g\n\n%5s  %10s  %8s\n", flags.model.model.c_str(),
              batch.count(), flags.mixing.mix.c_str(), flags.loss.loss.c_str(), flags.lr, "step", "loss", "known %");
  for (int64_t step = 1;; ++step) {
    const auto [loss, known, batches, not_finite] = learner.step(flags.lr, batch);
    ENSURE(not_finite.empty(), "step ", step, ": ", not_finite, " is not finite; try a lower --lr");
    const bool done = known >= 0.9;
    if (done || step == 1 || step == most || step % 20 == 0) {
      std::printf("%5ld  %10.4f  %8.1f\n", step, loss, 100 * known);
      std::fflush(stdout);
    }
    ENSURE(done || step < most, "not learned in ", step, " steps: only ", std::lround(100 * known),
           " % of one batch are known; try another --lr, or --max-steps for more of them");
    if (!done) continue;
    std::printf("\nlearned by heart in %ld steps\n", step);
    return;
  }
}

}  // namespace apps
