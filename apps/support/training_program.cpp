#include "apps/support/training_program.h"

#include <algorithm>
#include <cstdio>

#include "apps/support/data_flags.h"
#include "apps/support/dry_run.h"
#include "apps/support/late_report.h"
#include "apps/support/overfit_batch.h"
#include "apps/support/recipes.h"
#include "apps/support/trainer.h"
#include "apps/support/training_manual.h"
#include "apps/support/training_state.h"
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

/// The folder of the run to go on with, or the state file to start a new one from; empty where there is none.
fs::path path_to_resume(const TrainingFlags& options) {
  std::error_code error;
  if (options.resume.empty()) return {};
  if (options.resume != "auto") {
    const fs::path path = options.resume;
    ENSURE(has_state(path), path.string(), ": holds no state of a training to go on from");
    for (const char* newest : {"next.state.safetensors", "last.state.safetensors", "previous.state.safetensors"}) {
      if (path.filename() == newest) return path.has_parent_path() ? path.parent_path() : ".";
    }
    return path;
  }
  if (!options.experiment.empty()) {
    const fs::path folder = fs::path(options.output) / options.experiment;
    return fs::is_directory(folder, error) ? folder : fs::path();
  }
  fs::path newest;
  fs::file_time_type time{};
  for (const fs::directory_entry& entry : fs::directory_iterator(options.output, error)) {
    const fs::path state = entry.path() / "last.state.safetensors";
    if (!has_state(entry.path())) continue;
    const fs::file_time_type its = fs::last_write_time(fs::exists(state, error) ? state : entry.path(), error);
    if (newest.empty() || its > time) newest = entry.path(), time = its;
  }
  return newest;
}

/// Flags that may differ when a run goes on: they do not change what it comes to.
bool is_free(const std::string& name) {
  const std::vector<std::string> names{"threads",  "workers",           "device",          "data-dir",
                                       "download", "data-url",          "experiment",      "output",
                                       "config",   "dry-run",           "overfit-batch",   "log-interval",
                                       "resume",   "recovery-interval", "checkpoint-hist", "quiet"};
  return std::find(names.begin(), names.end(), name) != names.end();
}

/// They as a command line; those that are free only where that is wanted, and --data-dir.
std::vector<std::string> arguments_from(const Arguments& stored, bool free_ones) {
  std::vector<std::string> arguments;
  for (const Argument& argument : stored) {
    if (argument.value.empty() || (!free_ones && is_free(argument.name) && argument.name != "data-dir")) continue;
    arguments.push_back(engine::text("--", argument.name, "=", argument.value));
  }
  return arguments;
}

/// The arguments in a file, but for the run folder's; an Error where one is not known.
std::vector<std::string> configuration(const std::string& file, const Arguments& known) {
  std::vector<std::string> names;
  for (const Argument& argument : known) names.push_back(argument.name);
  Arguments read = read_arguments(file);
  for (const Argument& argument : read) {
    if (std::find(names.begin(), names.end(), argument.name) == names.end()) {
      throw UsageError(engine::text(file, ": ", engine::unknown_name("flag", argument.name, names)));
    }
  }
  std::erase_if(read, [](const Argument& a) {
    return a.name == "experiment" || a.name == "resume" || a.name == "config" || a.name == "report";
  });
  return arguments_from(read, true);
}

/// An Error where a run would go on in another way than it began.
void require_same(const Arguments& before, const Arguments& now) {
  for (const Argument& argument : now) {
    const auto found =
        std::find_if(before.begin(), before.end(), [&](const Argument& b) { return b.name == argument.name; });
    if (is_free(argument.name) || (found != before.end() && found->value == argument.value)) continue;
    throw UsageError(engine::text("--", argument.name, " ", argument.value, ": the run was started with ",
                                  found == before.end() ? "none" : found->value,
                                  "; one that is resumed goes on as it was"));
  }
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
    line.group("Data");
    line.add_switch("--dry-run", dry, "Show the network, train three steps, tell memory and time, and write nothing");
    line.add_switch("--overfit-batch", overfit, "Learn one batch by heart, as a smoke test, and write nothing");
    line.add("--report", report, "Write the report of the run in this folder as it is now, with new pictures, and exit")
        ->check(folder());
    line.add("-c,--config", config, "Read flags from a file like a run's args.yaml; those on the command line win")
        ->check(file());
    line.add("--recipe", recipe, "Settings of a published experiment, which other flags override; list prints them all")
        ->check(one_of("recipe", names));
    add_data_flags(line, pictures, datasets);
    add_training_data_flags(line, pictures);
    add_training_flags(line, options);
    std::vector<std::string> given(argv + 1, argv + argc);
    // Whatever is found to stand before what was given is put there, and all of it read again.
    const auto put_before = [&](const std::vector<std::string>& found) {
      given.insert(given.begin(), found.begin(), found.end());
      line.parse(given);
    };
    if (!line.parse(given)) return;
    if (!report.empty()) config = (fs::path(report) / "args.yaml").string();
    if (!config.empty()) put_before(configuration(config, line.values()));
    if (recipe == "list") return print_recipes(recipes);
    if (options.model.model == "list") return print_models();

    const fs::path resumed = path_to_resume(options);
    Arguments before;
    if (has_state(resumed)) {
      before = StateFiles(resumed).arguments();
      put_before(arguments_from(before, false));
    }
    line.parse(with_recipe(recipe, recipes, given));
    if (!options.init_checkpoint.empty() && before.empty()) nn::weight_info(options.init_checkpoint);  // before data
    for (const Recipe& one : recipes) {
      if (one.name == recipe && one.pretrained && options.init_checkpoint.empty()) {
        std::fprintf(stderr, "note: recipe %s is meant for ImageNet weights: --init-checkpoint\n", recipe.c_str());
      }
    }
    resolve(options, data::family_of(pictures.dataset));
    if (!report.empty()) return write_late_report(options, load(pictures, data::Split::test), report);
    const data::Dataset train_set = load_train(pictures), test_set = load(pictures, data::Split::test);
    tell_skipped(train_set);
    tell_skipped(test_set);
    if (!before.empty()) require_same(before, line.values());
    if (dry) return dry_run(options, train_set);
    if (overfit) return overfit_batch(options, train_set);
    train(options, line.values(), train_set, test_set, resumed);
  });
}

}  // namespace apps
