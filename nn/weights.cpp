#include "nn/weights.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <set>
#include <string_view>

#include "engine/error.h"

namespace nn {
namespace {

using engine::Shape;
using engine::Tensor;
using Extents = std::vector<uint64_t>;

/// The shape PyTorch gives a tensor: (oc, ic, kh, kw) for our (oc, kh, kw, ic), the same for all others.
Extents torch_shape(const Shape& shape) {
  Extents extents;
  for (int i : shape.rank() == 4 ? std::vector{0, 3, 1, 2} : std::vector{0, 1, 2}) {
    if (i < shape.rank()) extents.push_back(static_cast<uint64_t>(shape[i]));
  }
  return extents;
}

/// Calls pair(our byte, PyTorch's byte) for every element.
template <class Pair>
void for_elements(const Shape& shape, Pair pair) {
  const int64_t rank4 = shape.rank() == 4, oc = rank4 ? shape[0] : 1, ic = rank4 ? shape[3] : 1;
  const int64_t pixels = rank4 ? shape[1] * shape[2] : shape.elements(), size = sizeof(float);
  for (int64_t o = 0; o < oc; ++o) {
    for (int64_t p = 0; p < pixels; ++p) {
      for (int64_t k = 0; k < ic; ++k) pair(size * ((o * pixels + p) * ic + k), size * ((o * ic + k) * pixels + p));
    }
  }
}

/// The tensors of a file by name, without the prefixes of DataParallel and torch.compile.
std::map<std::string, const SafeTensor*> by_name(const SafetensorsHeader& header) {
  size_t dropped = 0;
  for (bool again = !header.tensors.empty(); again;) {
    again = false;
    for (const std::string_view prefix : {"module.", "_orig_mod."}) {
      const bool all = std::all_of(header.tensors.begin(), header.tensors.end(), [&](const SafeTensor& tensor) {
        return std::string_view(tensor.name).substr(dropped).starts_with(prefix);
      });
      if (all) dropped += prefix.size();
      again = again || all;
    }
  }
  std::map<std::string, const SafeTensor*> tensors;
  for (const SafeTensor& tensor : header.tensors) tensors[tensor.name.substr(dropped)] = &tensor;
  return tensors;
}

/// The counter beside a running mean; empty for other entries.
std::string counter_of(const std::string& name) {
  constexpr std::string_view mean = "running_mean";
  return name.ends_with(mean) ? name.substr(0, name.size() - mean.size()) + "num_batches_tracked" : "";
}

}  // namespace

void save_weights(const Module& network, const std::filesystem::path& path, Metadata metadata) {
  std::vector<NewTensor> tensors;
  for (const Entry& entry : state_of(network)) {
    const Tensor tensor = entry.variable.value().to(engine::Device::cpu);
    tensors.push_back({entry.name, "F32", torch_shape(tensor.shape()), [tensor](char* to) {
                         const char* from = reinterpret_cast<const char*>(tensor.data());
                         for_elements(tensor.shape(), [&](int64_t ours, int64_t theirs) {
                           std::memcpy(to + theirs, from + ours, sizeof(float));
                         });
                       }});
    const std::string name = counter_of(entry.name);
    if (!name.empty()) tensors.push_back({name, "I64", {}, [](char* to) { std::memset(to, 0, sizeof(int64_t)); }});
  }
  metadata["format"] = "pt";
  write_safetensors(path, std::move(tensors), metadata);
}

std::optional<int64_t> load_weights(Module& network, const std::filesystem::path& path, HeadPolicy head) {
  const SafetensorsFile file = read_safetensors(path);
  const std::map<std::string, const SafeTensor*> tensors = by_name(file.header);
  const State state = state_of(network);
  const auto require = [&](const std::string& name, const char* dtype, const Extents& shape) {
    const SafeTensor& tensor = *tensors.at(name);
    ENSURE(tensor.dtype == dtype && tensor.shape == shape, path.string(), ": tensor ", quoted(name), " is ",
           tensor.dtype, " of shape ", listed(tensor.shape), ", the network's ", dtype, " of shape ", listed(shape));
  };

  // All checks come before the first value changes.
  std::optional<int64_t> other_classes;
  std::set<std::string> known;
  for (const Entry& entry : state) {
    const auto found = tensors.find(entry.name);
    ENSURE(found != tensors.end(), path.string(), ": has no tensor ", quoted(entry.name));
    Extents shape = torch_shape(entry.variable.shape());
    const Extents& theirs = found->second->shape;
    if (entry.name == "fc.weight" && theirs.size() == 2 && theirs[1] == shape[1] && theirs[0] != shape[0]) {
      ENSURE(head == HeadPolicy::may_differ, path.string(), ": the head is for ", theirs[0],
             " classes, the network's for ", shape[0]);
      other_classes = static_cast<int64_t>(theirs[0]);
    }
    if (other_classes && entry.name.starts_with("fc.")) shape[0] = static_cast<uint64_t>(*other_classes);
    require(entry.name, "F32", shape);
    known.insert(entry.name);
    if (const std::string name = counter_of(entry.name); tensors.contains(name)) {
      require(name, "I64", {});
      known.insert(name);
    }
  }
  for (const auto& [name, tensor] : tensors) {
    ENSURE(known.contains(name), path.string(), ": tensor ", quoted(name), " is none of the network's");
  }

  for (const Entry& entry : state) {
    if (other_classes && entry.name.starts_with("fc.")) continue;
    Tensor there = entry.variable.value(), tensor(there.shape());
    const char* from = file.values.data() + tensors.at(entry.name)->begin;
    char* to = reinterpret_cast<char*>(tensor.data());
    for_elements(tensor.shape(),
                 [&](int64_t ours, int64_t theirs) { std::memcpy(to + ours, from + theirs, sizeof(float)); });
    there.copy_from(tensor);
  }
  return other_classes;
}

WeightFileInfo weight_info(const std::filesystem::path& path) {
  SafetensorsHeader header = read_safetensors_header(path);
  const std::map<std::string, const SafeTensor*> tensors = by_name(header);
  const auto head = tensors.find("fc.weight");
  ENSURE(head != tensors.end(), path.string(), ": has no tensor \"fc.weight\"");
  const Extents& shape = head->second->shape;
  ENSURE(shape.size() == 2 && shape[0] > 0 && shape[1] > 0, path.string(), ": tensor \"fc.weight\" is of shape ",
         listed(shape), ", not [classes, features]");
  return {std::move(header.metadata), static_cast<int64_t>(shape[0])};
}

}  // namespace nn
