#include "apps/support/mixing_flags.h"

#include "engine/names.h"

namespace apps {

void add_mixing_flags(CommandLine& line, MixingOptions& o) {
  std::string own;
  for (const auto& entry : mixup::policies()) {
    if (entry.alpha > 0) own += engine::text(own.empty() ? "" : ", ", entry.name, " ", entry.alpha);
  }
  line.add("--mix", o.mix, "How images are mixed")->check(one_of("policy", engine::names_of(mixup::policies())));
  line.add("--mix-alpha", o.alpha, "lambda ~ Beta(alpha, alpha); 0: the policy's own (" + own + ")")
      ->check(between(0, 1e6));
  line.add("--mix-prob", o.prob, "Share of the batches that are mixed")->check(between(0, 1));
}

void resolve(MixingOptions& o) {
  if (o.alpha == 0) o.alpha = engine::find_named(mixup::policies(), "policy", o.mix).alpha;
}

mixup::Policy make_policy(const MixingOptions& o) {
  return mixup::make_policy(o.mix, {.alpha = o.alpha, .prob = o.prob});
}

}  // namespace apps
