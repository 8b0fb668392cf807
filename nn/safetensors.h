#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

namespace nn {

/// A tensor of a safetensors file. Its values are little-endian, the last extent of the shape runs fastest.
struct SafeTensor {
  std::string name, dtype;  // "F32", "I64", ...
  std::vector<uint64_t> shape;
  uint64_t begin = 0, end = 0;  // its bytes, counted from the first byte of the values
};

/// Free text that travels with the tensors.
using Metadata = std::map<std::string, std::string>;

/// What a safetensors file says about its values.
struct SafetensorsHeader {
  std::vector<SafeTensor> tensors;  // in the order of their bytes
  Metadata metadata;
};

/// A whole file: the tensors cover the values without hole or overlap.
struct SafetensorsFile {
  SafetensorsHeader header;
  std::string values;
};

/// Reads the header of a file, and checks the file by the specification; the values are not read. An Error names the
/// file, the tensor or byte, and what was expected there.
SafetensorsHeader read_safetensors_header(const std::filesystem::path& path);

/// Reads a whole file, as strictly.
SafetensorsFile read_safetensors(const std::filesystem::path& path);

/// A tensor to be written: `fill` writes its values to where it is told.
struct NewTensor {
  std::string name, dtype;
  std::vector<uint64_t> shape;
  std::function<void(char* to)> fill;
};

/// Writes a file with the bytes that the reference implementation would choose. It appears complete or not at all.
void write_safetensors(const std::filesystem::path& path, std::vector<NewTensor> tensors, const Metadata& metadata);

/// For messages: a text from a file in quotes, and a shape in brackets. Both are one printable line and not too long.
std::string quoted(const std::string& text);
std::string listed(const std::vector<uint64_t>& shape);

}  // namespace nn
