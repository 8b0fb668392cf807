#include <algorithm>
#include <iostream>
#include <nlohmann/json.hpp>

#include "apps/support/data_flags.h"
#include "apps/support/format.h"
#include "apps/support/mixing_flags.h"
#include "apps/support/sheet.h"
#include "data/loader.h"
#include "engine/names.h"
#include "mixup/policies.h"

namespace {

using nlohmann::ordered_json;

ordered_json images_of(const data::Dataset& dataset, const data::Batch& batch, const mixup::Plan& plan) {
  const mixup::Targets targets = mixup::targets(plan, batch.labels);
  const std::vector<float> means = mixup::shares(plan);
  ordered_json images = ordered_json::array();
  for (size_t i = 0; i < means.size(); ++i) {
    images.push_back({{"index", i},
                      {"partner", plan.partner[i]},
                      {"lambda", targets.lambda[i]},
                      {"mask_mean", means[i]},
                      {"a", dataset.classes[static_cast<size_t>(targets.a[i])]},
                      {"b", dataset.classes[static_cast<size_t>(targets.b[i])]}});
  }
  return images;
}

}  // namespace

/// Shows what policies do to a batch: a sheet of images before and after, with labels and shares.
int main(int argc, char** argv) {
  return apps::run_program("mixes", [&] {
    std::string output = "mixes.png";
    apps::DataFlags pictures;
    pictures.options.train_count = 256;
    apps::MixingOptions mixing{.mix = "cutmix"};
    uint64_t seed = 0;
    int64_t count = 8;
    bool all = false, json = false;

    apps::CommandLine line("mixes", "draws what policies do to a batch of images",
                           "Writes a PNG sheet of one training batch before and after a policy, or every policy, with "
                           "the classes and shares of each image.");
    line.section("Examples",
                 {{"mixes --mix cutmix --dataset cifar10 --data-dir data --output cutmix.png", "One policy"},
                  {"mixes --all --mix-alpha 1 --mix-mode elem", "All of them on the same pairs of built-in pictures"}});
    line.section("See also", {{"train_cifar(1)", "trains on such images"}});
    CLI::Option* mix = apps::add_mixing_flags(line, mixing);
    line.add_switch("--all", all, "Every policy on the same pairs of images")->excludes(mix);
    apps::add_data_flags(line, pictures, engine::names_of(data::datasets()));
    apps::add_training_data_flags(line, pictures);
    line.add("-b,--batch-size", count, "Images on the sheet")->check(apps::between(1, 256));
    line.add("--seed", seed, "Of the order, augmentation and mixing")->check(apps::between(0, 1.8e19));
    line.add("--output", output, "File to write; one that exists is replaced")->check(apps::file());
    line.add_switch("--json", json, "Print partner, lambda and mask mean of each image");
    if (!line.parse(argc, argv)) return;

    std::vector<std::string> lists{mixing.mix};
    if (all) {
      lists = engine::names_of(mixup::policies());
      lists.erase(std::find(lists.begin(), lists.end(), "none"));
    }
    const data::Family family = data::family_of(pictures.dataset);
    std::vector<apps::MixingOptions> policies;
    for (const std::string& list : lists) {
      policies.push_back({.mix = list, .policy = mixing.policy});
      const bool has_alpha = !all || engine::find_named(mixup::policies(), "policy", list).has_alpha();
      if (!has_alpha) policies.back().policy.alpha.reset();
      resolve(policies.back(), family);
    }
    const data::Dataset dataset = load_train(pictures);
    const data::Batch batch = data::first_batch(dataset, {.batch = count, .train = true, .seed = seed});

    std::vector<apps::SheetRow> rows{apps::sheet_row("image", dataset, batch, mixup::unmixed(batch).partner)};
    ordered_json told = ordered_json::array();
    for (const apps::MixingOptions& policy : policies) {
      engine::Rng rng(seed, engine::Purpose::mix);  // the same for all, so that the pairs are the same
      const mixup::Plan plan = make_policy(policy)(batch, rng);
      if (rows.size() == 1) rows.push_back(apps::sheet_row("partner", dataset, batch, plan.partner));
      rows.push_back(apps::mixed_sheet_row(all ? policy.mix : "mixed", dataset, batch, plan));
      told.push_back({{"policy", policy.mix}, {"images", images_of(dataset, batch, plan)}});
    }
    apps::sheet(dataset, rows, (all ? "every policy" : policies[0].mix) + " on " + dataset.name).save(output);
    ordered_json object = all ? ordered_json{{"policies", told}} : told[0];
    object["file"] = output;
    if (json) std::cout << apps::json_text(object) << '\n';
    else std::cout << "wrote " << output << '\n';
  });
}
