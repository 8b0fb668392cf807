#pragma once

#include <string>
#include <vector>

namespace apps {

/// Settings of a published experiment, as arguments of a training program.
struct Recipe {
  std::string name, dataset;
  std::string arguments;    // beside --dataset
  std::string source;       // where in the paper
  bool pretrained = false;  // wants --init-checkpoint
};

/// Every recipe for data sets of these names.
std::vector<Recipe> recipes_for(const std::vector<std::string>& datasets);

/// A recipe's arguments, --dataset among them.
std::vector<std::string> arguments_of(const Recipe& recipe);

/// Prints a table of them.
void print_recipes(const std::vector<Recipe>& recipes);

}  // namespace apps
