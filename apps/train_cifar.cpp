#include "apps/support/training_program.h"

/// Trains a classifier of 32x32 pictures: CIFAR-10, CIFAR-100, or the built-in shapes.
int main(int argc, char** argv) {
  const apps::TrainingFlags defaults;
  return apps::run_training(argc, argv, "train_cifar",
                            "Trains a classifier of 32x32 pictures with mixed samples.\n"
                            "Example: train_cifar --dataset cifar10 --data-dir data --mix cutmix --loss dm",
                            {"shapes", "cifar10", "cifar100", "cifar100-coarse"}, defaults);
}
