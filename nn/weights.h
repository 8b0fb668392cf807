#pragma once

#include <filesystem>
#include <optional>

#include "nn/module.h"
#include "nn/safetensors.h"

namespace nn {

/// Writes a network as a safetensors file with PyTorch's names and layouts: convolution weights as (oc, ic, kh, kw),
/// and for each batch norm a counter num_batches_tracked of zero, so that load_state_dict(strict=True) takes it. The
/// metadata always says {"format": "pt"}. The file appears complete or not at all, and an older one stays until then.
void save_weights(const Module& network, const std::filesystem::path& path, Metadata metadata = {});

/// What becomes of the head, "fc.weight" and "fc.bias", where the file has another number of classes than the network.
enum class HeadPolicy {
  must_fit,   // that is an Error
  may_differ  // the network keeps its own
};

/// Reads such a file, from here or from PyTorch, into a network of exactly its entries; prefixes "module." and
/// "_orig_mod." that all names have are dropped. Returns the number of classes in the file where the head was left out
/// because of it. An Error names the file and the first entry that does not fit, and leaves the network as it was.
std::optional<int64_t> load_weights(Module& network, const std::filesystem::path& path,
                                    HeadPolicy head = HeadPolicy::must_fit);

/// What a weight file says about its network.
struct WeightFileInfo {
  Metadata metadata;
  int64_t classes;  // rows of "fc.weight", at least one
};

/// Reads no more than the header; an Error where that has no head.
WeightFileInfo weight_info(const std::filesystem::path& path);

}  // namespace nn
