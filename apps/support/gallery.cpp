#include "apps/support/gallery.h"

#include <algorithm>
#include <cmath>

#include "apps/support/evaluation.h"
#include "apps/support/format.h"
#include "apps/support/grad_cam.h"
#include "apps/support/heat.h"
#include "apps/support/sheet.h"
#include "data/loader.h"
#include "engine/softmax.h"

namespace apps {
namespace {

using data::Batch;
using data::Dataset;
using engine::Tensor;

constexpr int64_t shown = 8;

/// Up to eight test images, of as many classes as there are.
Batch chosen_images(const Dataset& set) {
  std::vector<std::vector<int64_t>> members(set.classes.size());
  for (int64_t i = 0; i < set.count(); ++i)
    members[static_cast<size_t>(set.labels[static_cast<size_t>(i)])].push_back(i);
  std::erase_if(members, [](const auto& images) { return images.empty(); });
  Dataset few;
  few.name = set.name, few.size = set.size;
  few.classes = set.classes, few.normalization = set.normalization, few.view = set.view;
  const size_t most = static_cast<size_t>(std::min(shown, set.count())),
               apart = std::max<size_t>(1, members.size() / most);
  for (size_t round = 0; few.labels.size() < most; ++round) {
    for (size_t k = 0; k < members.size() && few.labels.size() < most; k += apart) {
      if (round >= members[k].size()) continue;
      const int64_t i = members[k][round];
      few.labels.push_back(set.labels[static_cast<size_t>(i)]);
      if (!set.files.empty()) few.files.push_back(set.files[static_cast<size_t>(i)]);
      else few.pixels.insert(few.pixels.end(), set.picture(i), set.picture(i + 1));
    }
  }
  return data::first_batch(few, {.batch = shown, .train = false});
}

/// Of some plans that the policy draws the one that shows most of both classes.
mixup::Plan chosen_plan(const Batch& batch, const mixup::Policy& policy) {
  mixup::Plan chosen = mixup::unmixed(batch);
  if (batch.count() < 2) return chosen;  // a policy wants a partner
  double most = -1;
  for (uint32_t draw = 0; draw < 32; ++draw) {
    engine::Rng rng(0, engine::Purpose::mix_test, 0, draw);
    const mixup::Plan plan = policy(batch, rng);
    const mixup::Targets targets = mixup::targets(plan, batch.labels);
    double both = 0;
    for (size_t i = 0; i < targets.a.size(); ++i) {
      if (targets.a[i] != targets.b[i]) both += std::min(targets.lambda[i], 1 - targets.lambda[i]);
    }
    if (both > most) most = both, chosen = plan;
  }
  return chosen;
}

/// A probability in percent, with no more certainty than there is.
std::string percent(double probability) {
  if (std::isnan(probability)) return "?%";
  return probability < 0.001 ? "<0.1%" : probability > 0.999 ? ">99.9%" : format("%.1f%%", 100 * probability);
}

/// The images with the heat of a class each, and its probability below.
SheetRow heat_row(const std::vector<std::string>& label, nn::Network& network, const Dataset& set, const Tensor& images,
                  const Tensor& logits, const std::vector<int>& classes) {
  SheetRow row{label, {}, {}};
  const Tensor maps = grad_cam(network, images, classes);
  for (size_t i = 0; i < classes.size(); ++i) {
    const auto index = static_cast<int64_t>(i);
    const float* z = logits.data() + index * logits.shape()[1];
    const auto name = static_cast<size_t>(classes[i]);
    row.images.push_back(heated(bytes_of(images, index, set.normalization), maps.data() + index * set.size * set.size));
    const double probability = std::exp(engine::Softmax<float>(z, logits.shape()[1]).log_probability(z[name]));
    row.captions.push_back({percent(probability) + " " + set.classes[name]});
  }
  return row;
}

Picture heat_sheet(nn::Network& network, const Dataset& set, const mixup::Policy& policy, const std::string& title) {
  const Batch batch = chosen_images(set);
  mixup::Plan plan = chosen_plan(batch, policy);
  plan.stage = 0;  // images are mixed, so that there is one to be seen
  const Tensor images = mixup::apply(plan, batch.images);
  const Tensor logits = [&] {
    const engine::NoGrad no_grad;
    const engine::Variable there(images.to(device_of(network)));
    return network.forward(there, nn::Mode::eval).value().to(engine::Device::cpu);
  }();
  std::vector<SheetRow> rows{sheet_row("image", set, batch, mixup::unmixed(batch).partner)};
  const auto add_heat = [&](const std::string& of, const std::vector<int>& classes) {
    rows.push_back(heat_row({"heat of", of}, network, set, images, logits, classes));
  };
  if (plan.mixes()) {
    const mixup::Targets targets = mixup::targets(plan, batch.labels);
    rows.push_back(sheet_row("partner", set, batch, plan.partner));
    rows.push_back(mixed_sheet_row("mixed", set, batch, plan));
    add_heat("class a", targets.a);
    add_heat("class b", targets.b);
  } else {
    std::vector<int> guesses;
    const auto classes = static_cast<int>(logits.shape()[1]);
    for (int64_t i = 0; i < batch.count(); ++i) guesses.push_back(best_class(logits.data() + i * classes, classes));
    add_heat("true class", batch.labels);
    add_heat("best guess", guesses);
  }
  return sheet(set, rows, title);
}

SheetRow row_of(const std::vector<Extremes::Example>& examples, const Dataset& set, bool guesses) {
  SheetRow row;
  const auto named = [&](double probability, int name) {
    return percent(probability) + " " + set.classes[static_cast<size_t>(name)];
  };
  for (const Extremes::Example& one : examples) {
    const std::string label = named(one.label_probability, one.label);
    row.images.push_back(one.pixels);
    if (!guesses) row.captions.push_back({label});
    else row.captions.push_back({"guess " + named(one.guess_probability, one.guess), "truth " + label});
  }
  return row;
}

void make_folder(const std::filesystem::path& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  ENSURE(!error, folder.string(), ": cannot be made: ", error.message());
}

}  // namespace

void write_mixed_sheet(const Dataset& set, const mixup::Policy& policy, uint64_t seed, const std::string& title,
                       const std::filesystem::path& folder) {
  const Batch batch = data::first_batch(set, {.batch = std::min(shown, set.count()), .train = true, .seed = seed});
  const mixup::Plan plan = chosen_plan(batch, policy);
  make_folder(folder);
  sheet(set,
        {sheet_row("image", set, batch, mixup::unmixed(batch).partner), sheet_row("partner", set, batch, plan.partner),
         mixed_sheet_row("mixed", set, batch, plan)},
        title)
      .save(folder / "mixed.png");
}

void write_gallery(nn::Network& network, const Dataset& test_set, const mixup::Policy& policy, const Extremes& extremes,
                   const std::string& title, const std::filesystem::path& folder) {
  make_folder(folder);
  const auto write = [&](const char* name, bool there, const auto& picture) {
    if (there) picture().save(folder / name);
    else if (std::filesystem::exists(folder / name)) std::filesystem::remove(folder / name);
  };
  write("cam.png", network.stages() > 0,
        [&] { return heat_sheet(network, test_set, policy, "where it looks: " + title); });
  write("best.png", !extremes.best().empty(),
        [&] { return sheet(test_set, {row_of(extremes.best(), test_set, false)}, "surest and right: " + title); });
  write("worst.png", !extremes.worst().empty(),
        [&] { return sheet(test_set, {row_of(extremes.worst(), test_set, true)}, "worst: " + title); });
}

}  // namespace apps
