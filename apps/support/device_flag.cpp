#include "apps/support/device_flag.h"

namespace apps {

void add_device_flag(CommandLine& line, std::string& device) {
  line.add("--device", device, "Where to compute: cuda is an NVIDIA GPU")->check(one_of("device", {"cpu", "cuda"}));
}

engine::Device device_named(const std::string& device) {
  return device == "cuda" ? engine::Device::cuda : engine::Device::cpu;
}

}  // namespace apps
