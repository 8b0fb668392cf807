#pragma once

#include <string>

#include "apps/support/command_line.h"
#include "engine/device.h"

namespace apps {

/// Adds --device.
void add_device_flag(CommandLine& line, std::string& device);

engine::Device device_named(const std::string& device);

/// How a GPU computes.
struct GpuFlags {
  bool tf32 = false, deterministic = false, cuda_graph = false;
  bool amp = false;  // bfloat16 between layers
};

/// Adds --amp, --tf32, --deterministic and --cuda-graph.
void add_gpu_flags(CommandLine& line, GpuFlags& flags);

/// Has the GPU compute that way, where it is the device. A UsageError where flags of a GPU are given for the CPU, an
/// Error where there is no such device.
void apply(const GpuFlags& flags, const std::string& device);

}  // namespace apps
