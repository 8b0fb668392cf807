#include "apps/support/training_program.h"

/// Trains a classifier of photographs: in folders by class, or in the layouts of CUB-200-2011, FGVC-Aircraft and
/// Stanford-Cars.
int main(int argc, char** argv) {
  apps::TrainingFlags options;
  options.model.model = "resnet18";
  options.epochs = 100;
  options.batch_size = 64;
  return apps::run_training(argc, argv, "train_folder",
                            "trains a classifier of photographs of any size on mixed samples",
                            {{"train_folder --data-dir pictures --mix cutmix --loss dm",
                              "On pictures/train/CLASS/*.jpg, tested on pictures/val"},
                             {"train_folder --recipe cub200-r18 --data-dir data --init-checkpoint FILE",
                              "An experiment of the paper, from ImageNet weights"}},
                            {"folder", "cub200", "aircraft", "cars"}, options);
}
