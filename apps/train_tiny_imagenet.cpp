#include "apps/support/training_program.h"

/// Trains a classifier of Tiny-ImageNet's 200 classes of 64x64 pictures, by the paper's settings unless told otherwise.
int main(int argc, char** argv) {
  apps::TrainingFlags options;
  options.model.model = "resnet18";
  options.epochs = 400;
  options.batch_size = 100;
  options.lr = 0.2;
  return apps::run_training(argc, argv, "train_tiny_imagenet",
                            "Trains a classifier of Tiny-ImageNet with mixed samples.\n"
                            "Example: train_tiny_imagenet --data-dir data --mix cutmix --loss dm",
                            {"tiny-imagenet"}, options);
}
