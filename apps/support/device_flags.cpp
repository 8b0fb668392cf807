#include "apps/support/device_flags.h"

#include "engine/error.h"

namespace apps {

void add_device_flag(CommandLine& line, std::string& device) {
  line.add("--device", device, "Where to compute: cuda is an NVIDIA GPU")->check(one_of("device", {"cpu", "cuda"}));
}

engine::Device device_named(const std::string& device) {
  return device == "cuda" ? engine::Device::cuda : engine::Device::cpu;
}

void add_gpu_flags(CommandLine& line, GpuFlags& flags) {
  line.add_switch("--amp", flags.amp,
                  "On a GPU: bfloat16 between layers, mixed precision; weights and losses stay float32");
  line.add_switch("--tf32", flags.tf32, "On a GPU: multiply on tensor cores, which read 10 bits of a float's fraction");
  line.add_switch("--deterministic", flags.deterministic,
                  "On a GPU: the same bits in every run, even where that is slower; on the CPU they always are");
  line.add_switch("--cuda-graph", flags.cuda_graph,
                  "On a GPU: record a step once and begin it by one call, which saves time of the CPU");
}

void apply(const GpuFlags& flags, const std::string& device) {
  for (const auto& [flag, given] :
       {std::pair{"--amp", flags.amp}, {"--tf32", flags.tf32}, {"--cuda-graph", flags.cuda_graph}}) {
    if (given && device == "cpu") throw UsageError(engine::text(flag, ": only on a GPU: --device cuda"));
  }
  engine::require_device(device_named(device));
  engine::gpu_math() = {flags.tf32, flags.deterministic};
}

}  // namespace apps
