#include "apps/support/checkpoint.h"

#include <algorithm>
#include <cstdio>

#include "apps/support/training_state.h"
#include "engine/error.h"

namespace apps {
namespace {

constexpr const char* kept[] = {"model",  "stem",          "bn-eps",       "leaky-relu",  "dataset",    "size",
                                "resize", "interpolation", "shapes-train", "shapes-test", "shapes-seed"};

}  // namespace

nn::Metadata metadata_of(const Arguments& arguments) {
  nn::Metadata metadata;
  for (const Argument& argument : arguments) {
    if (std::find(std::begin(kept), std::end(kept), argument.name) != std::end(kept)) {
      metadata[argument.name] = argument.value;
    }
  }
  return metadata;
}

std::vector<std::string> arguments_of(const nn::Metadata& metadata) {
  std::vector<std::string> arguments;
  for (const char* name : kept) {
    const auto found = metadata.find(name);
    if (found != metadata.end() && !found->second.empty())
      arguments.push_back(engine::text("--", name, "=", found->second));
  }
  return arguments;
}

void load_initial(nn::Module& network, const std::filesystem::path& path) {
  if (const auto classes = load_weights(network, path, nn::HeadPolicy::may_differ)) {
    std::printf("%s: its head is for %ld classes and is left out; a new one is trained\n", path.c_str(), *classes);
  }
}

void keep_best(const RunFolder& run, size_t most, const nn::Module& network, const nn::Metadata& metadata) {
  const auto epoch = static_cast<int64_t>(run.rows().size());
  const std::vector<int64_t> best = run.best_epochs();
  const auto name = [](int64_t number) { return engine::text("checkpoint-", number); };
  const auto keep = [&](const std::string& as) {
    nn::save_weights(network, run.path() / (as + ".safetensors"), metadata);
    link_state(run.path(), as);
  };
  if (best[0] == epoch) keep("model_best");
  const auto rank = static_cast<size_t>(std::find(best.begin(), best.end(), epoch) - best.begin());
  if (rank < most) keep(name(epoch));
  std::error_code error;
  for (size_t worse = most; worse < best.size(); ++worse) {
    for (const char* kind : {".safetensors", ".state.safetensors"}) {
      const std::filesystem::path path = run.path() / (name(best[worse]) + kind);
      if (std::filesystem::exists(path, error)) std::filesystem::remove(path, error);
    }
  }
}

}  // namespace apps
