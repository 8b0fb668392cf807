#pragma once

#include <cstdint>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "apps/support/data_flags.h"
#include "apps/support/device_flags.h"
#include "engine/tensor.h"

/// The parts of the program bench.
namespace bench {

struct Options {
  std::string model = "resnet18", kernel, loss = "ce", conv = "auto", device = "cpu";
  int64_t batch = 128, size = 32, steps = 6, classes = 100;
  int threads = 0;
  apps::DataFlags pictures;
  apps::GpuFlags gpu;
  bool peak = false, overhead = false, data = false, policies = false, records = false;
};

/// Seconds of each of `steps` calls, after one that is not counted.
std::vector<double> seconds_of(int64_t steps, const std::function<void()>& call);
double median(std::vector<double> values);

/// Values from -1 to 1, cheaply.
engine::Tensor random_tensor(engine::Shape shape);

/// Whole training steps on random data: forward, loss, backward, SGD with Nesterov momentum and weight decay.
nlohmann::ordered_json time_steps(const Options& options);

/// What mixing and the DM loss add to a step with plain cross entropy.
nlohmann::ordered_json time_overhead(const Options& options);

/// Images a second that the loader and CutMix deliver, with nothing trained on them.
nlohmann::ordered_json time_data(const Options& options);

/// A table of what each policy takes to plan and to mix a batch, as a share of a training step.
void time_policies(const Options& options);

/// A table of what it takes to write what a run writes; in a folder below the current one, which is removed.
void time_records(const Options& options);

/// A table of one kernel at the shapes of a ResNet-18.
void time_kernel(const Options& options);
std::vector<std::string> kernel_names();

}  // namespace bench
