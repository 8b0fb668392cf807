#include "apps/support/trainer.h"

/// Trains a classifier of Tiny-ImageNet's 200 classes of 64x64 pictures, by the paper's recipe unless told otherwise.
int main(int argc, char** argv) {
  return apps::run_program("train_tiny_imagenet", [&] {
    apps::TrainerOptions options;
    options.model.model = "resnet18";
    options.epochs = 400;
    options.batch_size = 100;
    options.lr = 0.2;
    std::string folder;
    data::DatasetOptions files;

    apps::CommandLine line("train_tiny_imagenet",
                           "Trains a classifier of Tiny-ImageNet with mixed samples.\n"
                           "Example: train_tiny_imagenet --data-dir data --mix cutmix --loss dm");
    line.group("Data");
    line.add("--data-dir", folder, "Folder of tiny-imagenet-200, or that folder itself");
    line.add_switch("--skip-bad-images", files.skip_bad_images, "Leave damaged images out in place of stopping");
    data::Augmentation augmentation{.pad = 4, .border = data::Border::zero, .flip = true};
    apps::add_augmentation_flags(line, augmentation);
    apps::add_trainer_flags(line, options);
    if (!line.parse(argc, argv)) return;
    if (options.model.model == "list") return apps::print_models();

    resolve(options, data::Family::tiny_imagenet);
    files.folder = folder;
    data::Dataset train_set = data::load_dataset("tiny-imagenet", data::Split::train, files);
    const data::Dataset test_set = data::load_dataset("tiny-imagenet", data::Split::test, files);
    train_set.augmentation = augmentation;
    for (const data::Dataset* set : std::initializer_list<const data::Dataset*>{&train_set, &test_set}) {
      for (const std::string& reason : set->skipped) std::fprintf(stderr, "left out: %s\n", reason.c_str());
    }
    apps::train(options, line.values(), train_set, test_set);
  });
}
