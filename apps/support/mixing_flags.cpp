#include "apps/support/mixing_flags.h"

#include "engine/names.h"

namespace apps {
namespace {

/// What is wrong with a list of policies, or nothing.
std::string mistake(const std::string& list) {
  try {
    mixup::parse_policies(list, {});
    return "";
  } catch (const engine::Error& error) {
    return error.what();
  }
}

}  // namespace

CLI::Option* add_mixing_flags(CommandLine& line, MixingOptions& o) {
  CLI::Option* mix = line.add(
      "--mix", o.mix,
      "How images are mixed: a policy, or several that take turns, such as mixup+cutmix or with alphas and weights "
      "mixup@0.8:1+cutmix@1:3");
  mix->check(list_of(engine::names_of(mixup::policies()), mistake));
  line.add_auto("--mix-alpha", o.policy.alpha, 1e-3, 1e6,
                "lambda ~ Beta(alpha, alpha), for every policy of --mix; auto: customary for policy and data set");
  line.add_auto("--mix-switch-prob,--mixup-switch-prob", o.policy.switch_prob, 0, 1,
                "How often the second of two policies has its turn; auto: as their weights say, or half the time");
  line.add("--mix-prob,--mixup-prob", o.policy.prob, "Share of the batches, or images, that are mixed")
      ->check(between(0, 1));
  line.add_choice("--mix-mode,--mixup-mode", o.policy.draws, "mode", {"batch", "elem"},
                  "One lambda and mask a batch, or one for each image");
  line.add("--mix-off-epoch,--mixup-off-epoch", o.policy.off_epoch, "Mix in the first so many epochs only; 0: in all")
      ->check(between(0, 1e6));
  return mix;
}

void resolve(MixingOptions& o, data::Family family) {
  o.policy.family = family;
  if (o.mixup > 0 || o.cutmix > 0) {
    if (o.mix != "none") throw UsageError("--mix: not together with --mixup or --cutmix");
    if (o.policy.alpha) throw UsageError("--mix-alpha: not together with --mixup or --cutmix, which are alphas");
    const std::string mixup = engine::text("mixup@", engine::exact(o.mixup)),
                      cutmix = engine::text("cutmix@", engine::exact(o.cutmix));
    o.mix = o.cutmix == 0 ? mixup : o.mixup == 0 ? cutmix : mixup + "+" + cutmix;
    o.mixup = o.cutmix = 0;
  }
  try {
    const std::vector<mixup::Choice> choices = mixup::parse_policies(o.mix, o.policy);
    o.policy.switch_prob.reset();
    o.policy.alpha.reset();
    o.mix = mixup::list_of(choices);
    if (choices.size() > 1) return;
    o.mix = choices[0].entry->name;
    if (choices[0].entry->has_alpha()) o.policy.alpha = choices[0].alpha;
  } catch (const engine::Error& error) {
    throw UsageError(error.what());
  }
}

mixup::Policy every_batch(MixingOptions options) {
  options.policy.prob = 1;
  options.policy.off_epoch = 0;
  return make_policy(options);
}

void require_stages(const MixingOptions& o, int stages) {
  for (const mixup::Choice& choice : mixup::parse_policies(o.mix, o.policy)) {
    ENSURE(choice.entry->stages <= stages + 1, choice.entry->name, " mixes in stages 0 to ", choice.entry->stages - 1,
           " of a network, and this one has ", stages);
  }
}

mixup::Policy make_policy(const MixingOptions& o) { return mixup::make_policy(o.mix, o.policy); }

}  // namespace apps
