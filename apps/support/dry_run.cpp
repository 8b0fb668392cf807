#include "apps/support/dry_run.h"

#include <sys/resource.h>

#include <cstdio>
#include <map>

#include "apps/support/progress.h"
#include "data/loader.h"
#include "engine/trace.h"
#include "engine/work.h"
#include "mixup/losses.h"
#include "mixup/policies.h"

namespace apps {

using engine::Tensor;
using engine::Variable;

namespace {

/// A row for every op that has parameters: what it is called, what it computes, and how many numbers it learns.
void print_layers(nn::Network& network, const Tensor& images) {
  const std::map<const float*, std::string> names = names_by_memory(network);
  std::printf("%-34s %-12s %-20s %12s %16s\n", "layer", "op", "output of a batch", "parameters", "multiply-adds");
  const engine::NoGrad no_grad;
  const engine::WorkCount work;
  int64_t before = 0;
  const engine::Trace trace([&](const char* op, const Tensor& y, std::initializer_list<Variable> inputs) {
    std::string layer;
    int64_t parameters = 0;
    for (const Variable& input : inputs) {
      if (!input.value().defined() || !names.contains(input.value().data())) continue;
      if (layer.empty()) layer = names.at(input.value().data());
      parameters += input.value().elements();
    }
    if (layer.empty()) return;
    std::printf("%-34s %-12s %-20s %12ld %16ld\n", layer.substr(0, layer.rfind('.')).c_str(), op,
                engine::text(y.shape()).c_str(), parameters, work.multiply_adds() - before);
    before = work.multiply_adds();
  });
  network.forward(Variable(images), nn::Mode::eval);
}

}  // namespace

void dry_run(const TrainerOptions& o, const data::Dataset& train_set) {
  const auto classes = static_cast<int64_t>(train_set.classes.size());
  const auto network = make_network(o.model, classes, train_set.size, o.seed);
  const auto optimizer = nn::make_optimizer(o.opt, *network, o.optimizer);
  const mixup::Policy policy = make_policy(o.mixing);
  require_stages(o.mixing, network->stages());
  const mixup::Loss criterion = mixup::make_loss(o.loss.loss, o.loss.options);
  data::Loader loader(train_set, {.batch = o.batch_size, .train = true, .seed = o.seed, .workers = o.workers});

  data::Batch batch;
  loader.start(0);
  loader.next(batch);
  print_layers(*network, batch.images);
  std::printf("\n%s: %ld parameters\n", o.model.model.c_str(), nn::count_parameters(*network));

  double seconds = 0;
  for (int step = 0; step < 3; ++step) {  // the first ones find memory and threads
    const Stopwatch watch;
    engine::Rng rng(o.seed, engine::Purpose::mix, 0, 0);
    const mixup::Plan plan = policy(batch, rng);
    const Variable loss =
        criterion(mixup::forward(*network, plan, batch.images, nn::Mode::train), mixup::targets(plan, batch.labels));
    engine::backward(loss);
    optimizer->step(static_cast<float>(o.lr));
    seconds = watch.seconds();
    std::printf("step %d: loss %.4f, %.0f ms, %.0f images/s\n", step + 1, loss.value().item(), 1e3 * seconds,
                static_cast<double>(batch.count()) / seconds);
  }
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const double epoch = seconds * static_cast<double>(loader.batches());
  std::printf("\nmemory: %ld MiB at most so far, the data set among it\n", usage.ru_maxrss >> 10);
  std::printf("time: %s an epoch of %ld steps, %s for %ld epochs, evaluation not counted\n", clock_time(epoch).c_str(),
              loader.batches(), clock_time(epoch * static_cast<double>(o.epochs)).c_str(), o.epochs);
}

}  // namespace apps
