#pragma once

#include <string>

#include "apps/support/command_line.h"
#include "mixup/policies.h"

namespace apps {

/// Which policies mix the images, and how often: --mix and the flags that begin so.
struct MixingOptions {
  std::string mix = "none";
  double mixup = 0, cutmix = 0;  // alphas, timm's way to say mixup@..., cutmix@..., or both by turns; 0: not that one
  mixup::PolicyOptions policy = {};
};

/// Adds them, and returns that of --mix.
CLI::Option* add_mixing_flags(CommandLine& line, MixingOptions& options);

/// Fills in the policies' own alphas for a family of data sets where none was given, and checks what was.
void resolve(MixingOptions& options, data::Family family);

/// The policy; the options must be resolved.
mixup::Policy make_policy(const MixingOptions& options);

/// The same, but it mixes every batch of every epoch: by this one a network is judged and shown.
mixup::Policy every_batch(MixingOptions options);

/// An Error where a policy mixes in later stages than a network has.
void require_stages(const MixingOptions& options, int stages);

}  // namespace apps
