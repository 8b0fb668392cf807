#include "data/matlab.h"

#include <matio.h>

#include <memory>

#include "engine/error.h"

namespace data {
namespace {

using Variable = std::unique_ptr<matvar_t, void (*)(matvar_t*)>;

Variable read_variable(const std::filesystem::path& path, const std::string& name, matio_classes kind) {
  std::error_code error;
  ENSURE(std::filesystem::is_regular_file(path, error), path.string(), ": is not there, or is not a file");
  const std::unique_ptr<mat_t, int (*)(mat_t*)> file(Mat_Open(path.c_str(), MAT_ACC_RDONLY), Mat_Close);
  ENSURE(file, path.string(), ": is not a MATLAB file");
  Variable variable(Mat_VarRead(file.get(), name.c_str()), Mat_VarFree);
  ENSURE(variable && variable->class_type == kind && variable->data && variable->rank == 2, path.string(),
         ": has no array '", name, "' of the expected kind");
  return variable;
}

/// The characters of a text; those beyond one byte become question marks.
std::string text_of(const matvar_t& value) {
  std::string text;
  for (size_t i = 0; value.data && i < value.nbytes / static_cast<size_t>(value.data_size); ++i) {
    const int letter = value.data_size == 1 ? static_cast<const unsigned char*>(value.data)[i]
                                            : static_cast<const uint16_t*>(value.data)[i];
    text += static_cast<char>(letter < 256 ? letter : '?');
  }
  return text;
}

bool is_text(const matvar_t& value) {
  return value.class_type == MAT_C_CHAR && (value.data_size == 1 || value.data_size == 2);
}

template <class T>
double first(const matvar_t& value) {
  return static_cast<double>(*static_cast<const T*>(value.data));
}

/// Adds a field to a row, if it is a text or one number.
void add_field(const std::string& name, const matvar_t& value, MatlabRow& row) {
  if (is_text(value)) row.text[name] = text_of(value);
  if (value.rank != 2 || value.dims[0] * value.dims[1] != 1 || !value.data) return;
  switch (value.class_type) {
    case MAT_C_DOUBLE:
      row.numbers[name] = first<double>(value);
      break;
    case MAT_C_SINGLE:
      row.numbers[name] = first<float>(value);
      break;
    case MAT_C_UINT8:
      row.numbers[name] = first<uint8_t>(value);
      break;
    case MAT_C_INT8:
      row.numbers[name] = first<int8_t>(value);
      break;
    case MAT_C_UINT16:
      row.numbers[name] = first<uint16_t>(value);
      break;
    case MAT_C_INT16:
      row.numbers[name] = first<int16_t>(value);
      break;
    case MAT_C_UINT32:
      row.numbers[name] = first<uint32_t>(value);
      break;
    case MAT_C_INT32:
      row.numbers[name] = first<int32_t>(value);
      break;
    default:
      break;
  }
}

}  // namespace

std::vector<MatlabRow> read_matlab_structs(const std::filesystem::path& path, const std::string& name) {
  const Variable variable = read_variable(path, name, MAT_C_STRUCT);
  char* const* fields = Mat_VarGetStructFieldnames(variable.get());
  const unsigned count = Mat_VarGetNumberOfFields(variable.get());
  std::vector<MatlabRow> rows(variable->dims[0] * variable->dims[1]);
  for (size_t i = 0; i < rows.size(); ++i) {
    for (unsigned k = 0; k < count; ++k) {
      const matvar_t* value = Mat_VarGetStructFieldByName(variable.get(), fields[k], i);
      if (value) add_field(fields[k], *value, rows[i]);
    }
  }
  return rows;
}

std::vector<std::string> read_matlab_texts(const std::filesystem::path& path, const std::string& name) {
  const Variable variable = read_variable(path, name, MAT_C_CELL);
  std::vector<std::string> texts;
  for (size_t i = 0; i < variable->dims[0] * variable->dims[1]; ++i) {
    const matvar_t* value = Mat_VarGetCell(variable.get(), static_cast<int>(i));
    ENSURE(value && is_text(*value), path.string(), ": element ", i, " of '", name, "' is not text");
    texts.push_back(text_of(*value));
  }
  return texts;
}

}  // namespace data
