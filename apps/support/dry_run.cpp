#include "apps/support/dry_run.h"

#include <algorithm>
#include <cstdio>
#include <map>

#include "apps/support/learner.h"
#include "apps/support/memory_forecast.h"
#include "apps/support/progress.h"
#include "engine/trace.h"
#include "engine/work.h"

namespace apps {

using engine::Tensor;
using engine::Variable;

namespace {

/// A row for every op that has parameters: what it is called, what it computes, and how many numbers it learns.
void print_layers(nn::Network& network, const Tensor& images) {
  const std::map<const void*, std::string> names = names_by_memory(network);
  std::printf("%-34s %-12s %-20s %12s %16s\n", "layer", "op", "output of a batch", "parameters", "multiply-adds");
  const engine::NoGrad no_grad;
  const engine::WorkCount work;
  int64_t before = 0;
  const engine::Trace trace([&](const char* op, const Tensor& y, std::initializer_list<Variable> inputs) {
    std::string layer;
    int64_t parameters = 0;
    for (const Variable& input : inputs) {
      if (!input.value().defined() || !names.contains(input.value().address())) continue;
      if (layer.empty()) layer = names.at(input.value().address());
      parameters += input.value().elements();
    }
    if (layer.empty()) return;
    std::printf("%-34s %-12s %-20s %12ld %16ld\n", layer.substr(0, layer.rfind('.')).c_str(), op,
                engine::text(y.shape()).c_str(), parameters, work.multiply_adds() - before);
    before = work.multiply_adds();
  });
  network.forward(Variable(images.to(device_of(network))), nn::Mode::eval);
}

}  // namespace

void dry_run(const TrainingFlags& flags, const data::Dataset& train_set, const data::Dataset& test_set) {
  const MemoryForecast forecast = forecast_memory(flags, train_set, &test_set);
  require_memory(forecast, flags.batch_size);
  Learner learner(flags, train_set);
  data::Loader loader(train_set, {.batch = flags.batch_size,
                                  .train = true,
                                  .seed = flags.seed,
                                  .workers = flags.workers,
                                  .device = device_of(flags)});
  data::Batch batch;
  loader.start(0);
  loader.next(batch);
  print_layers(learner.network(), batch.images);
  std::printf("\n%s: %ld parameters\n", flags.model.model.c_str(), nn::count_parameters(learner.network()));

  double seconds = 0;
  for (int step = 0; step < 3; ++step) {  // the first ones find memory and threads
    const Stopwatch watch;
    const Learner::Outcome outcome = learner.step(flags.lr, batch);
    seconds = watch.seconds();
    ENSURE(outcome.not_finite.empty(), "step ", step + 1, ": ", outcome.not_finite, " is not finite");
    std::printf("step %d: loss %.4f, %.0f ms, %.0f images/s\n", step + 1, outcome.loss, 1e3 * seconds,
                static_cast<double>(batch.count()) / seconds);
  }
  const double epoch = seconds * static_cast<double>(loader.batches());
  std::printf("\nmemory: about %s will be used, %s can be had; these steps used %s\n", memory_size(forecast).c_str(),
              memory_size(memory_within_reach()).c_str(), memory_size(most_memory_used()).c_str());
  double batches = static_cast<double>(flags.epochs * loader.batches());
  if (flags.max_steps > 0) batches = std::min(batches, static_cast<double>(flags.max_steps * flags.accumulate));
  std::printf("time: %s an epoch of %ld batches, %s in all, evaluation not counted\n", clock_time(epoch).c_str(),
              loader.batches(), clock_time(seconds * batches).c_str());
}

}  // namespace apps
