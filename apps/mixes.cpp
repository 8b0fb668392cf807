#include <cmath>
#include <iostream>
#include <nlohmann/json.hpp>

#include "apps/support/command_line.h"
#include "apps/support/mixing_flags.h"
#include "apps/support/picture.h"
#include "data/loader.h"
#include "engine/names.h"
#include "mixup/policies.h"

namespace {

using apps::Colour;
using apps::Picture;

std::vector<uint8_t> bytes_of(const engine::Tensor& images, int64_t index, const data::Normalization& normalization) {
  const int64_t floats = images.elements() / images.shape()[0];
  std::vector<uint8_t> bytes;
  for (int64_t i = 0; i < floats; ++i) {
    bytes.push_back(data::denormalize(images.data()[index * floats + i], normalization, static_cast<int>(i % 3)));
  }
  return bytes;
}

/// A column for every image: itself, its partner, the mix, each with its class or shares below.
Picture sheet(const data::Dataset& dataset, const data::Batch& batch, const mixup::Plan& plan,
              const std::string& title) {
  constexpr int columns = 8, zoom = 3, gap = 12, left = 70, top = 40;
  constexpr Colour paper{250, 250, 248}, ink{30, 30, 30}, grey{120, 120, 120};
  const int side = static_cast<int>(dataset.size) * zoom, cell_w = std::max(side, 112) + gap;
  const int cell_h = side + 2 * Picture::line_height + gap, block_h = 3 * cell_h + gap;
  const int count = static_cast<int>(batch.count()), blocks = (count + columns - 1) / columns;

  const engine::Tensor mixed = mixup::apply(plan, batch.images);
  const mixup::Targets targets = mixup::targets(plan, batch.labels);
  Picture picture(left + std::min(count, columns) * cell_w + gap, top + blocks * block_h, paper);
  picture.write(title, gap, gap, ink, 2);
  const auto name = [&](int label) { return dataset.classes[static_cast<size_t>(label)]; };

  for (int i = 0; i < count; ++i) {
    const auto k = static_cast<size_t>(i);
    const int x = left + i % columns * cell_w, y = top + i / columns * block_h, partner = plan.partner[k];
    const auto show = [&](int row, const engine::Tensor& images, int index, const std::string& first,
                          const std::string& second) {
      const int at = y + row * cell_h;
      picture.paste(bytes_of(images, index, dataset.normalization), static_cast<int>(dataset.size), zoom, x, at);
      picture.write(first, x, at + side + 3, ink);
      picture.write(second, x, at + side + 3 + Picture::line_height, ink);
      const char* rows[] = {"image", "partner", "mixed"};
      if (i % columns == 0) picture.write(rows[row], gap, at + side / 2, grey);
    };
    show(0, batch.images, i, name(batch.labels[k]), "");
    show(1, batch.images, partner, name(batch.labels[static_cast<size_t>(partner)]), "");
    const auto share = [](double value) { return std::to_string(static_cast<int>(std::lround(100 * value))) + "% "; };
    if (targets.a[k] == targets.b[k]) {
      show(2, mixed, i, share(1) + name(targets.a[k]), "");
    } else {
      show(2, mixed, i, share(targets.lambda[k]) + name(targets.a[k]),
           share(1 - targets.lambda[k]) + name(targets.b[k]));
    }
  }
  return picture;
}

}  // namespace

/// Shows what a policy does to a batch: a sheet of images before and after, with labels and shares.
int main(int argc, char** argv) {
  return apps::run_program("mixes", [&] {
    std::string dataset_name = "shapes", folder, output = "mixes.png";
    apps::MixingOptions mixing{.mix = "cutmix"};
    uint64_t seed = 0;
    int64_t count = 8;
    bool json = false;

    apps::CommandLine line("mixes",
                           "Writes a PNG sheet of one training batch before and after a policy.\n"
                           "Example: mixes --mix cutmix --dataset cifar10 --data-dir data --output cutmix.png");
    apps::add_mixing_flags(line, mixing);
    line.add("--dataset", dataset_name, "Data set")
        ->check(apps::one_of("data set", engine::names_of(data::datasets())));
    line.add("--data-dir", folder, "Folder of the data set's files");
    line.add("-b,--batch-size", count, "Images on the sheet")->check(apps::between(1, 256));
    line.add("--seed", seed, "Of the order, augmentation and mixing")->check(apps::between(0, 1.8e19));
    line.add("--output", output, "File to write; one that exists is replaced")->check(apps::not_empty());
    line.add_switch("--json", json, "Print partner, lambda and mask mean of each image");
    if (!line.parse(argc, argv)) return;

    resolve(mixing, data::family_of(dataset_name));
    const data::Dataset dataset =
        data::load_dataset(dataset_name, data::Split::train, {.folder = folder, .train_count = 256, .test_count = 0});
    data::Loader loader(dataset, {.batch = count, .train = true, .seed = seed, .workers = 0});
    loader.start(0);
    data::Batch batch;
    loader.next(batch);
    engine::Rng rng(seed, engine::Purpose::mix);
    const mixup::Plan plan = make_policy(mixing)(batch, rng);
    sheet(dataset, batch, plan, mixing.mix + " on " + dataset_name).save(output);

    if (!json) {
      std::cout << "wrote " << output << '\n';
      return;
    }
    const mixup::Targets targets = mixup::targets(plan, batch.labels);
    const std::vector<float> means = mixup::shares(plan);
    nlohmann::ordered_json images = nlohmann::ordered_json::array();
    for (size_t i = 0; i < means.size(); ++i) {
      images.push_back({{"index", i},
                        {"partner", plan.partner[i]},
                        {"lambda", targets.lambda[i]},
                        {"mask_mean", means[i]},
                        {"a", dataset.classes[static_cast<size_t>(targets.a[i])]},
                        {"b", dataset.classes[static_cast<size_t>(targets.b[i])]}});
    }
    std::cout << nlohmann::ordered_json{{"policy", mixing.mix}, {"file", output}, {"images", images}}.dump() << '\n';
  });
}
