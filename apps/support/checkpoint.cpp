#include "apps/support/checkpoint.h"

#include <algorithm>
#include <cstdio>

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

}  // namespace apps
