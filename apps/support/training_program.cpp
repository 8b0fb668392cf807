#include "apps/support/training_program.h"

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <optional>

#include "apps/support/data_flags.h"
#include "apps/support/dry_run.h"
#include "apps/support/environment.h"
#include "apps/support/late_report.h"
#include "apps/support/overfit_batch.h"
#include "apps/support/recipes.h"
#include "apps/support/resume.h"
#include "apps/support/trainer.h"
#include "apps/support/training_manual.h"
#include "engine/names.h"
#include "nn/weights.h"

namespace apps {
namespace {

namespace fs = std::filesystem;

/// The command line with the arguments of a recipe before it, so that the others win; as it is where there is none.
std::vector<std::string> with_recipe(const std::string& name, const std::vector<Recipe>& recipes,
                                     const std::vector<std::string>& arguments) {
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
  return arguments;
}

/// The arguments in a file, but for the run folder's; an Error where one is not known or cannot have its value.
std::vector<std::string> configuration(const std::string& file, CommandLine& line) {
  const std::vector<std::string> names = line.names();
  const Arguments read = read_arguments(file);
  for (const Argument& argument : read) {
    if (std::find(names.begin(), names.end(), argument.name) == names.end()) {
      throw UsageError(engine::text(file, ": ", engine::unknown_name("flag", argument.name, names)));
    }
  }
  const std::vector<std::string> all = command_line_of(read, {"experiment", "resume", "config", "report"});
  for (const std::string& argument : all) {
    try {
      line.parse({argument});
    } catch (const UsageError& error) {
      throw UsageError(engine::text(file, ": ", error.what()));
    }
  }
  return all;
}

/// A UsageError where a value is not UTF-8, as what args.yaml and the state hold has to be.
void require_utf8(const Arguments& arguments) {
  for (const Argument& argument : arguments) {
    const nlohmann::json value = argument.value;
    try {
      value.dump();
    } catch (const nlohmann::json::type_error&) {
      throw UsageError(engine::text("--", argument.name, ": is not UTF-8, and could not be kept in the run folder"));
    }
  }
}

/// Those that are not as before; both have all flags.
Arguments changed(const Arguments& arguments, const Arguments& before) {
  Arguments others;
  for (size_t i = 0; i < arguments.size(); ++i) {
    if (arguments[i].value != before[i].value) others.push_back(arguments[i]);
  }
  return others;
}

}  // namespace

int run_training(int argc, char** argv, const char* name, const std::string& summary,
                 const std::vector<Entry>& examples, const std::vector<std::string>& datasets,
                 const TrainingFlags& defaults) {
  return run_program(name, [&] {
    TrainingFlags options = defaults;
    DataFlags pictures;
    pictures.dataset = datasets.front();
    const std::vector<Recipe> recipes = recipes_for(datasets);
    std::vector<std::string> names = engine::names_of(recipes);
    names.push_back("list");
    std::string recipe, config, report;
    bool dry = false, overfit = false;
    CommandLine line(name, summary, training_description());
    add_training_sections(line, examples);
    line.group("Beginning");
    line.add_switch("--dry-run", dry, "Show the network, train three steps, tell memory and time, and write nothing");
    line.add_switch("--overfit-batch", overfit, "Learn one batch by heart, as a smoke test, and write nothing");
    line.add("--report", report, "Write the report of the run in this folder as it is now, with new pictures, and exit")
        ->check(folder());
    line.add("-c,--config", config,
             "Read flags from a file like a run's args.yaml, all but --experiment and --resume; those on the "
             "command line win")
        ->check(file());
    line.add("--recipe", recipe, "Settings of a published experiment, which other flags override; list prints them all")
        ->check(one_of("recipe", names));
    line.group("Data");
    add_data_flags(line, pictures, datasets);
    add_training_data_flags(line, pictures);
    add_training_flags(line, options);
    const Arguments usual = line.values();
    std::vector<std::string> given(argv + 1, argv + argc);
    // Whatever is found to stand before what was given is put there, and all of it read again.
    const auto put_before = [&](const std::vector<std::string>& found) {
      given.insert(given.begin(), found.begin(), found.end());
      line.parse(given);
    };
    if (!line.parse(given)) return;
    if (dry && overfit) throw UsageError("--dry-run and --overfit-batch: one of them at a time");
    if (!report.empty()) {
      config = (fs::path(report) / "args.yaml").string();
      ENSURE(fs::exists(config), report, ": is not the folder of a run: it has no args.yaml");
    }
    if (!config.empty()) put_before(configuration(config, line));
    if (recipe == "list") return print_recipes(recipes);
    if (options.model.model == "list") return print_models();

    const fs::path resumed = path_to_resume(options, datasets);
    std::optional<Origin> before;
    if (has_state(resumed)) {
      before = StateFiles(resumed).origin();
      put_before(recalled(*before, fs::is_directory(resumed)));
    }
    line.parse(with_recipe(recipe, recipes, given));
    if (report.empty()) require_utf8(line.values());
    if (!options.init_checkpoint.empty() && !before) nn::weight_info(options.init_checkpoint);  // before data
    for (const Recipe& one : recipes) {
      if (one.name == recipe && one.pretrained && options.init_checkpoint.empty()) {
        std::fprintf(stderr, "note: recipe %s is meant for ImageNet weights: --init-checkpoint\n", recipe.c_str());
      }
    }
    resolve(options, data::family_of(pictures.dataset));
    if (!report.empty()) {
      return write_late_report(
          options, [&] { return load(pictures, data::Split::test); }, report);
    }
    const data::Dataset train_set = load_train(pictures), test_set = load(pictures, data::Split::test);
    tell_skipped(train_set);
    tell_skipped(test_set);
    if (dry) return dry_run(options, train_set, test_set);
    if (overfit) return overfit_batch(options, train_set);
    const Origin now{line.values(), environment(device_of(options), train_set, test_set).dump()};
    if (before) require_same(resumed, *before, now);
    train(options, now, changed(now.arguments, usual), train_set, test_set, resumed);
  });
}

}  // namespace apps
