#include "apps/support/loss_flags.h"

#include "engine/names.h"

namespace apps {

void add_loss_flags(CommandLine& line, LossFlags& f) {
  mixup::LossOptions& o = f.options;
  line.add("--loss", f.loss, "Loss of the mixed targets")->check(one_of("loss", engine::names_of(mixup::losses())));
  line.add("--smoothing", o.smoothing, "Label smoothing; decoupled terms are never smoothed")->check(between(0, 0.99));
  line.add("--dm-eta", o.dm_eta, "dm: weight of the decoupled terms")->check(between(0, 1e6));
  line.add("--dm-weight-power", o.dm_weight_power, "dm: their weights times lambda^k and (1 - lambda)^k; 0: constant")
      ->check(between(0, 100));
  line.add_choice("--dm-sides", o.dm_sides, "side", {"both", "minor", "major", "labeled"},
                  "dm: which of them count: that of the smaller or larger share, or of class a alone");
  line.add("--dm-min-share", o.dm_min_share, "dm: none of them where a share is this or less")->check(between(0, 0.49));
  line.add_choice("--bce-target", o.bce_target, "target", {"one", "two"}, "bce: both shares, or 1 for both classes");
  line.add_choice("--bce-reduction", o.bce_reduction, "reduction", {"sum", "mean"}, "bce, dm-bce: over the classes");
  line.add_auto("--dm-t", o.dm_t, 0, 100, "dm-bce: exponent; auto: 1 where policies cut, 0.5 where they interpolate");
  line.add_auto("--dm-xi", o.dm_xi, 1e-6, 1,
                "dm-bce: threshold above 0; auto: 0.8 where policies cut, 1 where they interpolate");
}

}  // namespace apps
