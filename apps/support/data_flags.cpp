#include "apps/support/data_flags.h"

#include <cmath>
#include <cstdio>

#include "apps/support/progress.h"
#include "data/download.h"

namespace apps {
namespace {

/// Downloads the data set unless its files are there; on a terminal a line tells how far it is, elsewhere one now and
/// then.
void download(const DataFlags& f) {
  namespace fs = std::filesystem;
  const std::string dataset = f.dataset == "cifar100-coarse" ? "cifar100" : f.dataset;
  if (f.folder.empty()) throw UsageError("--download: --data-dir is needed: the folder to download to");
  const data::Archive* archive = nullptr;
  try {
    archive = &data::archive_of(dataset);
  } catch (const engine::Error& error) {
    throw UsageError(engine::text("--download: ", error.what()));
  }
  fs::path folder = fs::absolute(f.folder).lexically_normal();
  if (!folder.has_filename()) folder = folder.parent_path();  // after a slash at the end
  const std::string& inner = archive->contents.folder;
  if (data::is_there(*archive, folder) || data::is_there(*archive, folder / inner)) return;
  Progress progress(1);
  std::optional<Stopwatch> since_note;
  int64_t told = 0;
  data::download(*archive, folder.filename() == inner ? folder.parent_path() : folder, f.url,
                 [&](int64_t bytes, int64_t all) {
                   if (!since_note) std::fprintf(stderr, "downloading %s, %ld MiB\n", dataset.c_str(), all >> 20);
                   const int64_t percent = 100 * bytes / all;
                   if (!progress.terminal() && percent / 10 > told / 10) {
                     std::fprintf(stderr, "downloaded %ld%%\n", percent);
                     told = percent;
                   }
                   if (since_note && since_note->seconds() < 0.2) return;
                   since_note.emplace();
                   progress.note(engine::text(bytes >> 20, " MiB (", percent, "%)"));
                 });
}

}  // namespace

void add_data_flags(CommandLine& line, DataFlags& f, const std::vector<std::string>& names) {
  const auto offers = [&](const char* name) { return std::find(names.begin(), names.end(), name) != names.end(); };
  line.add("--dataset", f.dataset, "Data set")->check(one_of("data set", names));
  line.add("--data-dir", f.folder, "Folder of the data set's files, or the one that holds that folder")
      ->check(folder());
  if (offers("cifar10") || offers("tiny-imagenet")) {
    line.add_switch("--download,--dataset-download", f.download,
                    "Download the data set into --data-dir first, unless it is there; CIFAR and Tiny-ImageNet alone");
    line.add("--data-url", f.url, "Where to download it from; not given: its publisher");
  }
  if (offers("folder")) {
    line.add("--size,--img-size", f.options.size, "Height and width that photographs are brought to")
        ->check(between(8, 1024));
    line.add_auto("--resize", f.shorter_side, 8, 2048,
                  "Their shorter side before the middle is taken, for testing; auto: 8/7 of the size");
  }
  if (offers("folder") || offers("tiny-imagenet")) {
    line.add_choice("--bad-images", f.options.skip_bad_images, "answer", {"error", "skip"},
                    "Stop at a damaged image, or leave all of them out");
  }
  if (offers("shapes")) {
    line.add("--shapes-train", f.options.train_count, "Training pictures of shapes")->check(between(10, 1e6));
    line.add("--shapes-test", f.options.test_count, "Test pictures of shapes")->check(between(10, 1e6));
    line.add("--shapes-seed", f.options.seed, "What the pictures of shapes are drawn from")->check(between(0, 1.8e19));
  }
}

void add_training_data_flags(CommandLine& line, DataFlags& f) {
  AugmentationFlags& a = f.augmentation;
  line.add("--label-fraction", f.label_fraction, "Share of each class's training pictures to use")
      ->check(between(1e-6, 1));
  line.add("--label-seed", f.label_seed, "Which ones")->check(between(0, 1.8e19));
  line.add_auto_choice("--crop", a.crop, "crop", {"pad", "resized"},
                       "Training pictures: shifted beyond a padded border, or random parts made as large as is wanted; "
                       "auto, here and below: as is customary for the data set");
  line.add_auto("--pad", a.pad, 0, 31, "Pixels of the border, for --crop pad");
  line.add_auto_choice("--border", a.border, "border", {"zero", "reflect"}, "What the border shows");
  line.add_auto("--crop-min", a.smallest, 0.001, 1, "Smallest share of the area, for --crop resized");
  line.add_auto_choice("--interpolation", a.filter, "filter", {"bilinear", "bicubic"}, "How pictures are resized");
  line.add_switch("--flip,!--no-flip", a.flip, "Mirror half of the training pictures");
}

data::Dataset load(const DataFlags& f, data::Split split) {
  data::DatasetOptions options = f.options;
  options.folder = f.folder;
  options.shorter_side = std::llround(f.shorter_side.value_or(static_cast<double>(options.size) * 8 / 7));
  if (options.shorter_side < options.size) {
    throw UsageError(engine::text("--resize ", options.shorter_side, " is below --size ", options.size));
  }
  if (!f.url.empty() && !f.download) throw UsageError("--data-url: without --download it is not read");
  if (f.download) download(f);
  data::Dataset set = data::load_dataset(f.dataset, split, options);
  if (f.augmentation.filter) set.view.filter = *f.augmentation.filter;
  return set;
}

data::Dataset load_train(DataFlags& f) {
  data::Dataset set = load(f, data::Split::train);
  keep_fraction(set, f.label_fraction, f.label_seed);
  AugmentationFlags& flags = f.augmentation;
  data::Augmentation& a = set.augmentation;
  const auto settle = [](auto& flag, auto& value) {
    if (flag) value = static_cast<std::remove_reference_t<decltype(value)>>(*flag);
    flag = value;
  };
  settle(flags.crop, a.crop);
  settle(flags.pad, a.pad);
  settle(flags.border, a.border);
  settle(flags.smallest, a.smallest);
  settle(flags.filter, a.filter);
  a.flip = flags.flip;
  if (a.crop == data::Cropping::pad) a.shorter_side = set.view.shorter_side;
  if (a.crop == data::Cropping::pad && a.pad >= set.size) {
    throw UsageError(engine::text("--pad ", a.pad, " is not below the pictures' size, ", set.size));
  }
  return set;
}

void tell_skipped(const data::Dataset& set) {
  for (const std::string& reason : set.skipped) std::fprintf(stderr, "left out: %s\n", reason.c_str());
}

}  // namespace apps
