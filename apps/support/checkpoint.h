#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "apps/support/run_folder.h"
#include "nn/weights.h"

namespace apps {

/// What a weight file keeps of a run's arguments, so that another program can build the network again and show it like
/// pictures: the model and how it is built, the data set and how photographs are brought to size.
nn::Metadata metadata_of(const Arguments& arguments);

/// A weight file's metadata as arguments; none from a file that keeps nothing.
std::vector<std::string> arguments_of(const nn::Metadata& metadata);

/// Loads the weights to start training from. Where they are for another number of classes the network keeps its own
/// head, which is told on stdout.
void load_initial(nn::Module& network, const std::filesystem::path& path);

/// Saves the weights, and links the newest state, where the epoch that just ended is one of the `most` best, as
/// checkpoint-<epoch>, and as model_best where it is the best; removes those of epochs that no longer are.
void keep_best(const RunFolder& run, size_t most, const nn::Module& network, const nn::Metadata& metadata);

}  // namespace apps
