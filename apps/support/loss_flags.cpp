#include "apps/support/loss_flags.h"

#include "engine/names.h"

namespace apps {

void add_loss_flags(CommandLine& line, LossFlags& f) {
  mixup::LossOptions& o = f.options;
  line.add("--loss", f.loss, "Loss of the mixed targets")->check(one_of("loss", engine::names_of(mixup::losses())));
  line.add("--smoothing", o.smoothing, "Label smoothing; decoupled terms are never smoothed")->check(between(0, 0.99));
  line.add("--dm-eta", o.dm_eta, "dm: weight of the decoupled terms")->check(between(0, 1e6));
  line.add("--dm-weight-power", o.dm_weight_power, "dm: decoupled terms times lambda^k and (1 - lambda)^k; 0: constant")
      ->check(between(0, 100));
  line.add_choice("--dm-sides", o.dm_sides, "side", {"both", "minor", "major", "labeled"},
                  "dm: decoupled terms of both classes, of the smaller or larger share, or of class a");
  line.add("--dm-min-share", o.dm_min_share, "dm: no decoupled terms where a share is this or less")
      ->check(between(0, 0.49));
  line.add_choice("--bce-target", o.bce_target, "target", {"one", "two"}, "bce: both shares, or 1 for both classes");
  line.add_choice("--bce-reduction", o.bce_reduction, "reduction", {"sum", "mean"},
                  "bce, dm-bce: sum or mean over the classes");
  line.add_auto("--dm-t", o.dm_t, 0, 100, "dm-bce: exponent; auto: 1 where policies cut, 0.5 where they interpolate");
  line.add_auto("--dm-xi", o.dm_xi, 1e-6, 1,
                "dm-bce: threshold above 0; auto: 0.8 where policies cut, 1 where they interpolate");
}

void check(const LossFlags& f) {
  const mixup::LossOptions &o = f.options, usual;
  const bool dm = f.loss == "dm", bce = f.loss == "bce", dm_bce = f.loss == "dm-bce";
  const auto check_one = [&](const char* flag, bool changed, bool read) {
    if (changed && !read) throw UsageError(engine::text(flag, ": --loss ", f.loss, " does not read it"));
  };
  check_one("--dm-eta", o.dm_eta != usual.dm_eta, dm);
  check_one("--dm-weight-power", o.dm_weight_power != usual.dm_weight_power, dm);
  check_one("--dm-sides", o.dm_sides != usual.dm_sides, dm);
  check_one("--dm-min-share", o.dm_min_share != usual.dm_min_share, dm);
  check_one("--bce-target", o.bce_target != usual.bce_target, bce);
  check_one("--bce-reduction", o.bce_reduction != usual.bce_reduction, bce || dm_bce);
  check_one("--dm-t", o.dm_t.has_value(), dm_bce);
  check_one("--dm-xi", o.dm_xi.has_value(), dm_bce);
}

}  // namespace apps
