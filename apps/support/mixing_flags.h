#pragma once

#include <string>

#include "apps/support/command_line.h"
#include "mixup/policies.h"

namespace apps {

/// Which policy mixes the images, bound to --mix, --mix-alpha and --mix-prob.
struct MixingOptions {
  std::string mix = "none";
  double alpha = 0, prob = 1;  // alpha 0: the policy's own
};

void add_mixing_flags(CommandLine& line, MixingOptions& options);

/// Fills in the policy's own alpha where none was given.
void resolve(MixingOptions& options);

/// The policy; the options must be resolved.
mixup::Policy make_policy(const MixingOptions& options);

}  // namespace apps
