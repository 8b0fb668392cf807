#include <sys/resource.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <optional>

#include "apps/bench/bench.h"
#include "apps/support/progress.h"
#include "data/loader.h"
#include "engine/memory.h"
#include "engine/ops.h"
#include "engine/parallel.h"
#include "engine/recording.h"
#include "engine/variable.h"
#include "mixup/losses.h"
#include "mixup/policies.h"
#include "nn/networks.h"
#include "nn/optimizer.h"

namespace bench {

using engine::Variable;
using nlohmann::ordered_json;

namespace {

double rounded(double value) { return std::round(100 * value) / 100; }

/// Images mixed of two random classes.
mixup::Targets random_targets(const Options& o) {
  engine::Rng rng(0, engine::Purpose::bench);
  mixup::Targets targets;
  for (int64_t i = 0; i < o.batch; ++i) {
    targets.a.push_back(static_cast<int>(rng.below(o.classes)));
    targets.b.push_back(static_cast<int>(rng.below(o.classes)));
    targets.lambda.push_back(0.7f);
  }
  return targets;
}

std::vector<double> step_seconds(const Options& o) {
  const engine::Device device = apps::device_named(o.device);
  const auto network = nn::make_network(o.model, {.classes = o.classes, .size = o.size});
  move_to(*network, device);
  if (o.gpu.amp) network->set_type(engine::DType::bf16);
  const auto optimizer =
      nn::make_optimizer("sgd", *network, {.momentum = 0.9f, .weight_decay = 1e-4f, .nesterov = true});
  const mixup::Loss criterion = mixup::make_loss(o.loss, {});
  const Variable images(random_tensor({o.batch, o.size, o.size, 3}).to(device));
  mixup::Targets targets = random_targets(o);
  if (device == engine::Device::cuda) targets.rows = packed(targets).to(device);
  const nn::Gate gate(device);
  const auto work = [&] {
    engine::backward(criterion(network->forward(images, nn::Mode::train), targets));
    optimizer->move(gate);
    optimizer->clear_gradients();
  };
  std::optional<engine::Recording> recording;
  if (o.gpu.cuda_graph) {
    optimizer->begin(0.1f);
    work();
    engine::memory::release_unused(device);  // a recording has memory of its own
    recording.emplace(work);
  }
  // A training waits for none of its steps on a GPU.
  const int64_t together = device == engine::Device::cuda ? 10 : 1;
  std::vector<double> seconds = seconds_of((o.steps + together - 1) / together, [&] {
    for (int64_t step = 0; step < together; ++step) {
      optimizer->begin(0.1f);
      if (recording) recording->run();
      else work();
    }
    engine::synchronize(device);
  });
  for (double& s : seconds) s /= static_cast<double>(together);
  return seconds;
}

}  // namespace

std::vector<double> seconds_of(int64_t steps, const std::function<void()>& call) {
  call();
  std::vector<double> seconds;
  for (int64_t step = 0; step < steps; ++step) {
    const apps::Stopwatch watch;
    call();
    seconds.push_back(watch.seconds());
  }
  return seconds;
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const size_t middle = values.size() / 2;
  return values.size() % 2 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

engine::Tensor random_tensor(engine::Shape shape) {
  engine::Tensor values(shape);
  uint32_t state = 1;
  for (int64_t i = 0; i < values.elements(); ++i) {
    state = state * 1664525 + 1013904223;
    values.data()[i] = static_cast<float>(state >> 8) * 0x1p-23f - 1;
  }
  return values;
}

ordered_json time_steps(const Options& o) {
  const std::vector<double> seconds = step_seconds(o);
  const auto rate = [&](double s) { return rounded(static_cast<double>(o.batch) / s); };
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return {{"model", o.model},
          {"batch", o.batch},
          {"size", o.size},
          {"threads", engine::threads()},
          {"loss", o.loss},
          {"conv", o.conv},
          {"img_s_median", rate(median(seconds))},
          {"img_s_best", rate(*std::min_element(seconds.begin(), seconds.end()))},
          {"peak_rss_mib", usage.ru_maxrss / 1024},
          {"device", o.device == "cpu" ? o.device : engine::gpu().name},
          {"tf32", o.gpu.tf32},
          {"amp", o.gpu.amp},
          {"cuda_graph", o.gpu.cuda_graph},
          {"peak_gpu_mib", o.device == "cpu" ? 0 : engine::memory::usage(engine::Device::cuda).peak >> 20}};
}

ordered_json time_overhead(const Options& o) {
  const double step = median(step_seconds(o));
  const data::Batch batch{random_tensor({o.batch, o.size, o.size, 3}), random_targets(o).a};
  const mixup::Policy policy = mixup::make_policy("cutmix", {.alpha = 1});
  engine::Rng rng(0, engine::Purpose::bench);
  mixup::Plan plan;
  const double mix = median(seconds_of(50, [&] {
    plan = policy(batch, rng);
    mixup::apply(plan, batch.images);
  }));
  const mixup::Targets targets = random_targets(o);
  const engine::Tensor logits = random_tensor({o.batch, o.classes});
  const auto loss_seconds = [&](const char* name) {
    const mixup::Loss loss = mixup::make_loss(name, {});
    return median(seconds_of(50, [&] { engine::backward(loss(Variable::leaf(logits), targets)); }));
  };
  const double dm = loss_seconds("dm"), ce = loss_seconds("ce");
  return {{"model", o.model},
          {"step_ms", rounded(1e3 * step)},
          {"cutmix_ms", rounded(1e3 * mix)},
          {"dm_ms", rounded(1e3 * dm)},
          {"ce_ms", rounded(1e3 * ce)},
          {"overhead_percent", rounded(100 * (mix + dm - ce) / step)}};
}

ordered_json time_data(const Options& o) {
  apps::DataFlags pictures = o.pictures;
  pictures.options.size = o.size;
  const apps::Stopwatch load_watch;
  const data::Dataset dataset = load_train(pictures);
  const double load_seconds = load_watch.seconds();
  data::Loader loader(dataset, {.batch = o.batch, .workers = engine::threads()});
  const mixup::Policy policy = mixup::make_policy("cutmix", {.alpha = 1});
  engine::Rng rng(0, engine::Purpose::bench);
  std::vector<double> rates;
  for (int64_t epoch = 0; epoch < o.steps; ++epoch) {
    const apps::Stopwatch watch;
    int64_t images = 0;
    loader.start(epoch);
    for (data::Batch batch; loader.next(batch); images += batch.count()) {
      mixup::apply(policy(batch, rng), batch.images);
    }
    rates.push_back(static_cast<double>(images) / watch.seconds());
  }
  return {{"data", dataset.name},
          {"images", dataset.count()},
          {"size", dataset.size},
          {"load_s", rounded(load_seconds)},
          {"batch", o.batch},
          {"threads", engine::threads()},
          {"img_s_median", rounded(median(rates))}};
}

void time_policies(const Options& o) {
  const double step = median(step_seconds(o));
  std::printf("%s, batch %ld, %ldx%ld: a step takes %.1f ms\n\n", o.model.c_str(), o.batch, o.size, o.size, 1e3 * step);
  std::printf("%-12s %10s %14s %10s %10s\n", "policy", "plan ms", "plan ms, elem", "mix ms", "of a step");
  const data::Batch batch{random_tensor({o.batch, o.size, o.size, 3}), random_targets(o).a};
  for (const mixup::PolicyEntry& entry : mixup::policies()) {
    engine::Rng rng(0, engine::Purpose::bench);
    mixup::Plan plan;
    const auto plan_seconds = [&](mixup::Draws draws) {
      const mixup::Policy policy = mixup::make_policy(entry.name, {.draws = draws});
      return median(seconds_of(50, [&] { plan = policy(batch, rng); }));
    };
    const double elem = plan_seconds(mixup::Draws::elem), together = plan_seconds(mixup::Draws::batch);
    const bool hidden = entry.stages > 1;  // forward and backward, in as many channels as a first stage may have
    const Variable input = hidden ? Variable::leaf(random_tensor({o.batch, o.size, o.size, 64})) : Variable();
    const double mix = median(seconds_of(hidden ? 5 : 50, [&] {
      if (hidden) engine::backward(engine::mix(input, plan.partner, plan.mask), input.value());
      else mixup::apply(plan, batch.images);
    }));
    std::printf("%-12s %10.2f %14.2f %10.2f %8.2f %%\n", entry.name, 1e3 * together, 1e3 * elem, 1e3 * mix,
                100 * (together + mix) / step);
  }
}

}  // namespace bench
