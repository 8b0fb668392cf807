#pragma once

#include <memory>
#include <string>

#include "apps/support/command_line.h"
#include "nn/networks.h"

namespace apps {

/// Which network: --model, and how it is built.
struct ModelFlags {
  /// Automatic: by the size of the images.
  enum class StemChoice { automatic, cifar, imagenet };

  std::string model = "resnet20";
  StemChoice stem = StemChoice::automatic;
  nn::NormOptions norm = {};
  bool zero_init_last = false;
};

void add_model_flags(CommandLine& line, ModelFlags& flags);

/// The stem for square images of a size: that for large ones above 64 pixels, unless the flags say otherwise.
nn::Stem stem_of(const ModelFlags& flags, int64_t size);

/// The network for square images of a size.
std::unique_ptr<nn::Network> make_network(const ModelFlags& flags, int64_t classes, int64_t size, uint64_t seed);

/// Prints a table of every network: parameters, and multiply-adds for an image of 32x32.
void print_models();

}  // namespace apps
