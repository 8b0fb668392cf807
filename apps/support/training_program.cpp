#include "apps/support/training_program.h"

#include <algorithm>
#include <cstdio>

#include "apps/support/data_flags.h"
#include "apps/support/recipes.h"
#include "engine/names.h"
#include "nn/weights.h"

namespace apps {
namespace {

/// The command line with the arguments of the recipe that it names before it, so that the others win.
std::vector<std::string> with_recipe(const std::vector<std::string>& arguments, const std::vector<Recipe>& recipes) {
  std::string name;
  for (size_t i = 0; i < arguments.size(); ++i) {
    if (arguments[i].starts_with("--recipe=")) name = arguments[i].substr(9);
    if (arguments[i] == "--recipe" && i + 1 < arguments.size()) name = arguments[i + 1];
  }
  for (const Recipe& recipe : recipes) {
    if (recipe.name != name) continue;
    std::vector<std::string> all = arguments_of(recipe);
    const bool alphas = std::any_of(arguments.begin(), arguments.end(), [](const std::string& argument) {
      return argument.substr(0, argument.find('=')) == "--mixup" ||
             argument.substr(0, argument.find('=')) == "--cutmix";
    });
    if (alphas) all.insert(all.end(), {"--mix", "none"});  // they stand in its place
    all.insert(all.end(), arguments.begin(), arguments.end());
    return all;
  }
  return arguments;  // none, or an unknown one, which the flag's check reports
}

}  // namespace

int run_training(int argc, char** argv, const char* name, const std::string& description,
                 const std::vector<std::string>& datasets, const TrainerOptions& defaults) {
  return run_program(name, [&] {
    TrainerOptions options = defaults;
    DataFlags pictures;
    pictures.dataset = datasets.front();
    const std::vector<Recipe> recipes = recipes_for(datasets);
    std::vector<std::string> names = engine::names_of(recipes);
    names.push_back("list");
    std::string recipe;
    CommandLine line(name, description);
    line.group("Data");
    line.add("--recipe", recipe, "Settings of a published experiment, which other flags override; list prints them all")
        ->check(one_of("recipe", names));
    add_data_flags(line, pictures, datasets);
    add_training_data_flags(line, pictures);
    add_trainer_flags(line, options);
    if (!line.parse(with_recipe({argv + 1, argv + argc}, recipes))) return;
    if (recipe == "list") return print_recipes(recipes);
    if (options.model.model == "list") return print_models();

    if (!options.init_checkpoint.empty()) nn::weight_info(options.init_checkpoint);  // before the data are read
    for (const Recipe& one : recipes) {
      if (one.name == recipe && one.pretrained && options.init_checkpoint.empty()) {
        std::fprintf(stderr, "note: recipe %s is meant for ImageNet weights: --init-checkpoint\n", recipe.c_str());
      }
    }
    resolve(options, data::family_of(pictures.dataset));
    const data::Dataset train_set = load_train(pictures), test_set = load(pictures, data::Split::test);
    tell_skipped(train_set);
    tell_skipped(test_set);
    train(options, line.values(), train_set, test_set);
  });
}

}  // namespace apps
