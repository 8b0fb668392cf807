#pragma once

#include <string>

#include "apps/support/command_line.h"
#include "engine/device.h"

namespace apps {

/// Adds --device.
void add_device_flag(CommandLine& line, std::string& device);

engine::Device device_named(const std::string& device);

}  // namespace apps
