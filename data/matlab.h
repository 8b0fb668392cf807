#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace data {

/// One element of a MATLAB struct array: its text fields and its fields of one number, by name.
struct MatlabRow {
  std::map<std::string, std::string> text;
  std::map<std::string, double> numbers;
};

/// The elements of a struct array in a .mat file; an Error names the file and what is missing.
std::vector<MatlabRow> read_matlab_structs(const std::filesystem::path& path, const std::string& variable);

/// The elements of a cell array of text in a .mat file.
std::vector<std::string> read_matlab_texts(const std::filesystem::path& path, const std::string& variable);

}  // namespace data
