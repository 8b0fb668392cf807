#include "apps/support/training_program.h"

/// Trains a classifier of Tiny-ImageNet's 200 classes of 64x64 pictures, by the paper's settings unless told otherwise.
int main(int argc, char** argv) {
  apps::TrainingFlags options;
  options.model.model = "resnet18";
  options.epochs = 400;
  options.batch_size = 100;
  options.lr = 0.2;
  return apps::run_training(argc, argv, "train_tiny_imagenet", "trains a classifier of Tiny-ImageNet on mixed samples",
                            {{"train_tiny_imagenet --data-dir data --download --mix cutmix --loss dm",
                              "With the paper's settings, downloaded unless it is there"}},
                            {"tiny-imagenet"}, options);
}
