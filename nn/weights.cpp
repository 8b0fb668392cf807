#include "nn/weights.h"

#include <bit>
#include <cstring>
#include <nlohmann/json.hpp>

#include "engine/error.h"
#include "engine/file.h"

// The safetensors format: 8 bytes little-endian length of a JSON header; the header, which maps each name to its type,
// shape and byte range; then the values.
namespace nn {
namespace {

using engine::Shape;
using engine::Tensor;
using nlohmann::json;

static_assert(std::endian::native == std::endian::little, "safetensors stores little-endian numbers");

/// The shape PyTorch gives a tensor: (oc, ic, kh, kw) for our (oc, kh, kw, ic), the same for all others.
Shape torch_shape(const Shape& shape) {
  return shape.rank() == 4 ? Shape{shape[0], shape[3], shape[1], shape[2]} : shape;
}

/// Calls pair(our index, PyTorch's index) for every element.
template <class Pair>
void for_elements(const Shape& shape, Pair pair) {
  if (shape.rank() != 4) {
    for (int64_t i = 0; i < shape.elements(); ++i) pair(i, i);
    return;
  }
  const int64_t pixels = shape[1] * shape[2], ic = shape[3];
  for (int64_t oc = 0; oc < shape[0]; ++oc) {
    for (int64_t p = 0; p < pixels; ++p) {
      for (int64_t k = 0; k < ic; ++k) pair((oc * pixels + p) * ic + k, (oc * ic + k) * pixels + p);
    }
  }
}

json extents(const Shape& shape) {
  json list = json::array();
  for (int i = 0; i < shape.rank(); ++i) list.push_back(shape[i]);
  return list;
}

}  // namespace

void save_weights(const Module& network, const std::filesystem::path& path) {
  json header;
  std::string values;
  for (const Entry& entry : state_of(network)) {
    const Tensor& tensor = entry.variable.value();
    const size_t begin = values.size(), bytes = sizeof(float) * static_cast<size_t>(tensor.elements());
    values.resize(begin + bytes);
    for_elements(tensor.shape(), [&](int64_t ours, int64_t theirs) {
      std::memcpy(values.data() + begin + sizeof(float) * static_cast<size_t>(theirs), tensor.data() + ours,
                  sizeof(float));
    });
    header[entry.name] = {
        {"dtype", "F32"}, {"shape", extents(torch_shape(tensor.shape()))}, {"data_offsets", {begin, begin + bytes}}};
  }
  std::string text = header.dump();
  text.resize((text.size() + 7) / 8 * 8, ' ');
  const uint64_t length = text.size();
  std::string file(sizeof length, '\0');
  std::memcpy(file.data(), &length, sizeof length);
  engine::write_file(path, file + text + values);
}

void load_weights(Module& network, const std::filesystem::path& path) {
  const std::string file = engine::read_file(path), name = path.string();
  uint64_t length = 0;
  ENSURE(file.size() >= sizeof length, name, ": too short for a safetensors file");
  std::memcpy(&length, file.data(), sizeof length);
  ENSURE(length <= file.size() - sizeof length, name, ": the header's length ", length,
         " is beyond the end of the file");
  const std::string_view values = std::string_view(file).substr(sizeof length + length);
  const json header = json::parse(file.substr(sizeof length, length), nullptr, false);
  ENSURE(header.is_object(), name, ": the header is not a JSON object");

  const auto values_of = [&](const Entry& entry) {  // where they start, after checking that they fit
    ENSURE(header.contains(entry.name), name, ": has no tensor '", entry.name, "'");
    const json &row = header[entry.name], shape = extents(torch_shape(entry.variable.shape()));
    ENSURE(row.is_object() && row.value("dtype", json()) == "F32" && row.value("shape", json()) == shape, name,
           ": tensor '", entry.name, "' is not F32 of shape ", shape.dump());
    const json range = row.value("data_offsets", json());
    ENSURE(range.is_array() && range.size() == 2 && range[0].is_number_unsigned() && range[1].is_number_unsigned(),
           name, ": tensor '", entry.name, "' has no byte range");
    const uint64_t begin = range[0], end = range[1];
    const uint64_t bytes = sizeof(float) * static_cast<uint64_t>(entry.variable.shape().elements());
    ENSURE(begin <= end && end <= values.size() && end - begin == bytes, name, ": tensor '", entry.name,
           "' has a byte range that does not fit");
    return values.data() + begin;
  };
  const State state = state_of(network);
  std::vector<const char*> starts;
  for (const Entry& entry : state) starts.push_back(values_of(entry));  // all of them, before the first value changes
  for (size_t i = 0; i < state.size(); ++i) {
    Tensor tensor = state[i].variable.value();
    const char* from = starts[i];
    for_elements(tensor.shape(), [&](int64_t ours, int64_t theirs) {
      std::memcpy(tensor.data() + ours, from + sizeof(float) * static_cast<uint64_t>(theirs), sizeof(float));
    });
  }
}

}  // namespace nn
