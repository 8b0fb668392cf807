#include "apps/support/training_program.h"

/// Trains a classifier of 32x32 pictures: CIFAR-10, CIFAR-100, or the built-in shapes.
int main(int argc, char** argv) {
  const apps::TrainingFlags defaults;
  return apps::run_training(argc, argv, "train_cifar", "trains a classifier of 32x32 pictures on mixed samples",
                            {{"train_cifar --mix cutmix --loss dm", "On the built-in shapes, which need no files"},
                             {"train_cifar --dataset cifar10 --data-dir data --download --mix cutmix --loss dm",
                              "On CIFAR-10, downloaded unless it is there"},
                             {"train_cifar --recipe cifar100-r18 --data-dir data", "An experiment of the paper"}},
                            {"shapes", "cifar10", "cifar100", "cifar100-coarse"}, defaults);
}
