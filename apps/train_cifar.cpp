#include "apps/support/trainer.h"
#include "engine/names.h"

/// Trains a classifier of 32x32 pictures: CIFAR-10, CIFAR-100, or the built-in shapes.
int main(int argc, char** argv) {
  return apps::run_program("train_cifar", [&] {
    apps::TrainerOptions options;
    std::string dataset = "shapes", folder;
    data::DatasetOptions files;

    apps::CommandLine line("train_cifar",
                           "Trains a classifier of 32x32 pictures with mixed samples.\n"
                           "Example: train_cifar --dataset cifar10 --data-dir data --mix cutmix --loss dm");
    line.group("Data");
    line.add("--dataset", dataset, "Data set; shapes is built in")
        ->check(apps::one_of("data set", engine::names_of(data::datasets())));
    line.add("--data-dir", folder, "Folder of the data set's files");
    line.add("--shapes-train", files.train_count, "Training pictures of shapes")->check(apps::between(10, 1e6));
    line.add("--shapes-test", files.test_count, "Test pictures of shapes")->check(apps::between(10, 1e6));
    line.add("--shapes-seed", files.seed, "What the pictures of shapes are drawn from")
        ->check(apps::between(0, 1.8e19));
    apps::add_trainer_flags(line, options);
    if (!line.parse(argc, argv)) return;
    if (options.model.model == "list") return apps::print_models();

    resolve(options, data::family_of(dataset));
    files.folder = folder;
    const data::Dataset train_set = data::load_dataset(dataset, data::Split::train, files);
    const data::Dataset test_set = data::load_dataset(dataset, data::Split::test, files);
    apps::train(options, line.values(), train_set, test_set);
  });
}
