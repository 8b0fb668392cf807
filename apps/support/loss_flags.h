#pragma once

#include "apps/support/command_line.h"
#include "mixup/losses.h"

namespace apps {

/// Which loss: --loss, and what it consists of.
struct LossFlags {
  std::string loss = "ce";
  mixup::LossOptions options = {};
};

void add_loss_flags(CommandLine& line, LossFlags& flags);

/// A UsageError where an option was given that the loss does not read.
void check(const LossFlags& flags);

}  // namespace apps
