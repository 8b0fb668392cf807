#include "apps/support/model_flags.h"

#include <cstdio>

#include "engine/names.h"
#include "engine/work.h"

namespace apps {

void add_model_flags(CommandLine& line, ModelFlags& f) {
  std::vector<std::string> names = engine::names_of(nn::networks());
  names.push_back("list");
  line.add("--model,--arch", f.model, "Network; list prints them all")->check(one_of("model", names));
  line.add_choice("--stem", f.stem, "stem", {"auto", "cifar", "imagenet"},
                  "A residual network's first layers; auto: imagenet for images above 64 pixels");
  line.add("--bn-momentum", f.norm.momentum, "Share of a batch in the running statistics")->check(between(0, 1));
  line.add("--bn-eps", f.norm.eps, "Added to the variance by batch norm")->check(between(1e-12, 1));
  line.add("--leaky-relu", f.norm.leak, "Share of negative numbers that a ReLU lets through")->check(between(0, 0.99));
  line.add_switch("--zero-init-last", f.zero_init_last, "Start each residual block as its shortcut");
}

nn::Stem stem_of(const ModelFlags& f, int64_t size) {
  const bool large =
      f.stem == ModelFlags::StemChoice::automatic ? size > 64 : f.stem == ModelFlags::StemChoice::imagenet;
  return large ? nn::Stem::imagenet : nn::Stem::cifar;
}

std::unique_ptr<nn::Network> make_network(const ModelFlags& f, int64_t classes, int64_t size, uint64_t seed) {
  return nn::make_network(f.model, {.classes = classes,
                                    .size = size,
                                    .seed = seed,
                                    .stem = stem_of(f, size),
                                    .norm = f.norm,
                                    .zero_init_last = f.zero_init_last});
}

void print_models() {
  std::printf("%-12s %14s %22s\n", "model", "parameters", "multiply-adds, 32x32");
  for (const nn::NetworkEntry& entry : nn::networks()) {
    const auto network = entry.make({});
    const engine::NoGrad no_grad;
    const engine::WorkCount work;
    network->forward(engine::Variable(engine::Tensor::zeros({1, 32, 32, 3})), nn::Mode::eval);
    std::printf("%-12s %14ld %22ld\n", entry.name, nn::count_parameters(*network), work.multiply_adds());
  }
}

}  // namespace apps
