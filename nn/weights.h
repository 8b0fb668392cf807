#pragma once

#include <filesystem>

#include "nn/module.h"

namespace nn {

/// Writes a network as a safetensors file with PyTorch's names and layouts: convolution weights as (oc, ic, kh, kw).
/// The file appears complete or not at all, and an older one of that name stays until then.
void save_weights(const Module& network, const std::filesystem::path& path);

/// Reads such a file into a network of the same entries; an Error names the file and the entry that does not fit, and
/// leaves the network as it was.
void load_weights(Module& network, const std::filesystem::path& path);

}  // namespace nn
