#include "apps/support/recipes.h"

#include <algorithm>
#include <cstdio>
#include <iterator>
#include <sstream>

// The experiments of Liu et al. (2023), appendix B, with classes scored by DM(CE), eta 0.1; alphas follow from policy
// and data set (docs/policies.md). Where the paper's text and the configurations that its authors published differ, the
// configurations are followed, and `source` says so. `--mix` and any other flag overrides what stands here.
namespace apps {
namespace {

const std::vector<Recipe>& recipes() {
  static const std::string
      common = " --opt sgd --momentum 0.9 --sched cosine --min-lr 0 --flip --mix mixup --loss dm --dm-eta 0.1",
      cifar = " --epochs 800 --batch-size 100 --lr 0.1 --weight-decay 1e-4 --crop pad --pad 4" + common,
      wide =
          " --epochs 400 --batch-size 100 --lr 0.03 --weight-decay 1e-3 --crop pad --pad 4 --leaky-relu 0.1 "
          "--bn-momentum 0.001 --bn-eps 0.001" +
          common,
      tiny =
          " --epochs 400 --batch-size 100 --lr 0.2 --weight-decay 1e-4 --crop resized --crop-min 0.08 --interpolation "
          "bicubic" +
          common,
      imagenet =
          " --size 224 --resize 256 --epochs 100 --batch-size 256 --lr 0.1 --weight-decay 1e-4 --crop resized "
          "--crop-min 0.08" +
          common,
      fine =
          " --size 224 --resize 256 --epochs 200 --batch-size 16 --lr 0.001 --weight-decay 5e-4 --crop resized "
          "--crop-min 0.5" +
          common;
  static const std::vector<Recipe> table{
      {"cifar10-r18", "cifar10", "--model resnet18 --border zero" + cifar, "as for CIFAR-100"},
      {"cifar10-rx50", "cifar10", "--model resnext50 --border zero" + cifar, "as for CIFAR-100"},
      {"cifar100-r18", "cifar100", "--model resnet18 --border reflect" + cifar, "table 1"},
      {"cifar100-rx50", "cifar100", "--model resnext50 --border reflect" + cifar, "table 1"},
      {"cifar100-wrn28-8", "cifar100", "--model wrn28-8 --border reflect" + wide, "table 1, published configuration"},
      {"tiny-r18", "tiny-imagenet", "--model resnet18" + tiny, "table 1, published configuration"},
      {"tiny-rx50", "tiny-imagenet", "--model resnext50" + tiny, "table 1, published configuration"},
      {"imagenet-r18", "folder", "--model resnet18" + imagenet, "table 2"},
      {"imagenet-r34", "folder", "--model resnet34" + imagenet, "table 2"},
      {"imagenet-r50", "folder", "--model resnet50" + imagenet, "table 2"},
      {"cub200-r18", "cub200", "--model resnet18" + fine, "table 5", true},
      {"cub200-rx50", "cub200", "--model resnext50" + fine, "table 5", true},
      {"aircraft-r18", "aircraft", "--model resnet18" + fine, "table 5", true},
      {"aircraft-rx50", "aircraft", "--model resnext50" + fine, "table 5", true},
      {"cars-r18", "cars", "--model resnet18" + fine, "as for CUB-200", true},
  };
  return table;
}

}  // namespace

std::vector<Recipe> recipes_for(const std::vector<std::string>& datasets) {
  std::vector<Recipe> fitting;
  std::copy_if(recipes().begin(), recipes().end(), std::back_inserter(fitting), [&](const Recipe& recipe) {
    return std::find(datasets.begin(), datasets.end(), recipe.dataset) != datasets.end();
  });
  return fitting;
}

std::vector<std::string> arguments_of(const Recipe& recipe) {
  std::istringstream words(recipe.arguments);
  std::vector<std::string> arguments{"--dataset", recipe.dataset};
  arguments.insert(arguments.end(), std::istream_iterator<std::string>(words), {});
  return arguments;
}

void print_recipes(const std::vector<Recipe>& list) {
  for (const Recipe& recipe : list) {
    std::printf("%s (%s%s)\n ", recipe.name.c_str(), recipe.source.c_str(),
                recipe.pretrained ? "; from ImageNet weights: --init-checkpoint" : "");
    size_t column = 1;
    for (const std::string& word : arguments_of(recipe)) {
      if (word.starts_with("--") && column > 90) std::printf("\n "), column = 1;
      std::printf(" %s", word.c_str());
      column += word.size() + 1;
    }
    std::printf("\n\n");
  }
}

}  // namespace apps
