#include <algorithm>
#include <cmath>
#include <iostream>
#include <nlohmann/json.hpp>

#include "apps/support/data_flags.h"
#include "apps/support/format.h"
#include "apps/support/mixing_flags.h"
#include "apps/support/picture.h"
#include "data/loader.h"
#include "engine/names.h"
#include "mixup/policies.h"

namespace {

using apps::Colour;
using apps::Picture;
using engine::Tensor;
using nlohmann::ordered_json;
using Captions = std::vector<std::vector<std::string>>;  // of each image, line by line

/// A row of the sheet: what it is, and its images with what stands below each.
struct Row {
  std::vector<std::string> label;
  Tensor images;
  Captions captions;
};

std::vector<uint8_t> bytes_of(const Tensor& images, int64_t index, const data::Normalization& normalization) {
  const int64_t floats = images.elements() / images.shape()[0];
  std::vector<uint8_t> bytes;
  for (int64_t i = 0; i < floats; ++i) {
    bytes.push_back(data::denormalize(images.data()[index * floats + i], normalization, static_cast<int>(i % 3)));
  }
  return bytes;
}

/// A column for every image; eight beside each other, then the rows again.
Picture sheet(const data::Dataset& dataset, const std::vector<Row>& rows, const std::string& title) {
  constexpr int columns = 8, zoom = 3, gap = 12, left = 92, top = 40, line = Picture::line_height;
  constexpr Colour paper{250, 250, 248}, ink{30, 30, 30}, grey{120, 120, 120};
  const int side = static_cast<int>(dataset.size) * zoom, cell_w = std::max(side, 112) + gap;
  const int cell_h = side + 2 * line + gap, block_h = static_cast<int>(rows.size()) * cell_h + gap;
  const int count = static_cast<int>(rows.front().captions.size()), blocks = (count + columns - 1) / columns;

  Picture picture(left + std::min(count, columns) * cell_w + gap, top + blocks * block_h, paper);
  picture.write(title, gap, gap, ink, 2);
  const auto write = [&](const std::vector<std::string>& lines, int x, int y, Colour colour) {
    for (size_t i = 0; i < lines.size(); ++i) picture.write(lines[i], x, y + static_cast<int>(i) * line, colour);
  };
  for (int i = 0; i < count; ++i) {
    for (size_t row = 0; row < rows.size(); ++row) {
      const int x = left + i % columns * cell_w, y = top + i / columns * block_h + static_cast<int>(row) * cell_h;
      picture.paste(bytes_of(rows[row].images, i, dataset.normalization), static_cast<int>(dataset.size), zoom, x, y);
      write(rows[row].captions[static_cast<size_t>(i)], x, y + side + 3, ink);
      if (i % columns == 0) write(rows[row].label, gap, y + side / 2, grey);
    }
  }
  return picture;
}

/// The images in the order of `index`, with their classes.
Row row_of(const std::string& label, const data::Dataset& dataset, const data::Batch& batch,
           const std::vector<int>& index) {
  Row row{{label}, Tensor(batch.images.shape()), {}};
  const int64_t floats = batch.images.elements() / batch.count();
  for (size_t i = 0; i < index.size(); ++i) {
    std::copy_n(batch.images.data() + index[i] * floats, floats, row.images.data() + static_cast<int64_t>(i) * floats);
    const int label_of = batch.labels[static_cast<size_t>(index[i])];
    row.captions.push_back({dataset.classes[static_cast<size_t>(label_of)]});
  }
  return row;
}

/// The mixed images with both shares. What a later stage of a network would mix is shown as if images were mixed.
Row mixed_row(const std::string& label, const data::Dataset& dataset, const data::Batch& batch, mixup::Plan plan) {
  Row row{{label}, {}, {}};
  if (plan.stage > 0) row.label.push_back(engine::text("in stage ", plan.stage));
  plan.stage = 0;
  row.images = mixup::apply(plan, batch.images);
  const mixup::Targets targets = mixup::targets(plan, batch.labels);
  const auto share = [&](double lambda, int name) {
    const std::string percent = lambda < 0.01                 ? "<1% "
                                : lambda > 0.99 && lambda < 1 ? ">99% "
                                                              : engine::text(std::lround(100 * lambda), "% ");
    return percent + dataset.classes[static_cast<size_t>(name)];
  };
  for (size_t i = 0; i < targets.a.size(); ++i) {
    const bool one = targets.a[i] == targets.b[i];
    row.captions.push_back({share(one ? 1 : targets.lambda[i], targets.a[i])});
    if (!one) row.captions.back().push_back(share(1 - targets.lambda[i], targets.b[i]));
  }
  return row;
}

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

    apps::CommandLine line("mixes",
                           "Writes a PNG sheet of one training batch before and after a policy, or every policy.\n"
                           "Example: mixes --mix cutmix --dataset cifar10 --data-dir data --output cutmix.png");
    CLI::Option* mix = apps::add_mixing_flags(line, mixing);
    line.add_switch("--all", all, "Every policy on the same pairs of images")->excludes(mix);
    apps::add_data_flags(line, pictures, engine::names_of(data::datasets()));
    apps::add_training_data_flags(line, pictures);
    line.add("-b,--batch-size", count, "Images on the sheet")->check(apps::between(1, 256));
    line.add("--seed", seed, "Of the order, augmentation and mixing")->check(apps::between(0, 1.8e19));
    line.add("--output", output, "File to write; one that exists is replaced")->check(apps::not_empty());
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
    data::Loader loader(dataset, {.batch = count, .train = true, .seed = seed, .workers = 0});
    loader.start(0);
    data::Batch batch;
    loader.next(batch);

    std::vector<Row> rows{row_of("image", dataset, batch, mixup::unmixed(batch).partner)};
    ordered_json told = ordered_json::array();
    for (const apps::MixingOptions& policy : policies) {
      engine::Rng rng(seed, engine::Purpose::mix);  // the same for all, so that the pairs are the same
      const mixup::Plan plan = make_policy(policy)(batch, rng);
      if (rows.size() == 1) rows.push_back(row_of("partner", dataset, batch, plan.partner));
      rows.push_back(mixed_row(all ? policy.mix : "mixed", dataset, batch, plan));
      told.push_back({{"policy", policy.mix}, {"images", images_of(dataset, batch, plan)}});
    }
    sheet(dataset, rows, (all ? "every policy" : policies[0].mix) + " on " + dataset.name).save(output);
    ordered_json object = all ? ordered_json{{"policies", told}} : told[0];
    object["file"] = output;
    if (json) std::cout << apps::json_text(object) << '\n';
    else std::cout << "wrote " << output << '\n';
  });
}
