#include "apps/support/arguments.h"

#include <algorithm>
#include <cctype>
#include <sstream>

#include "engine/error.h"
#include "engine/file.h"

namespace apps {
namespace {

/// A value as YAML, text in quotes. A number with an exponent needs a point there: 1.0e-05.
std::string yaml(const Argument& argument) {
  std::string value = argument.value;
  if (argument.is_text) {
    for (size_t at = 0; (at = value.find('\'', at)) != std::string::npos; at += 2) value.insert(at, 1, '\'');
    return "'" + value + "'";
  }
  const size_t exponent = value.find('e');
  const bool number = !value.empty() && (std::isdigit(static_cast<unsigned char>(value[0])) || value[0] == '-');
  if (number && exponent != std::string::npos && value.find('.') == std::string::npos) value.insert(exponent, ".0");
  return value;
}

}  // namespace

std::string yaml_of(const Arguments& arguments) {
  std::string file;
  for (const Argument& argument : arguments) {
    std::string name = argument.name;
    std::replace(name.begin(), name.end(), '-', '_');
    file += name + ": " + yaml(argument) + "\n";
  }
  return file;
}

Arguments read_arguments(const std::filesystem::path& path) {
  Arguments arguments;
  std::istringstream lines(engine::read_file(path));
  int number = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    if (!line.empty() && line.back() == '\r') line.pop_back();
    if (line.empty() || line[0] == '#') continue;
    const size_t colon = line.find(':');
    const size_t begin =
        std::min(line.find_first_not_of(' ', colon == std::string::npos ? colon : colon + 1), line.size());
    ENSURE(colon != std::string::npos && colon > 0 && line.find(' ') > colon, path.string(), ":", number,
           ": is not 'name: value'");
    Argument argument{line.substr(0, colon), line.substr(begin), false};
    std::replace(argument.name.begin(), argument.name.end(), '_', '-');
    std::string& value = argument.value;
    if (value.starts_with('\'')) {
      ENSURE(value.size() >= 2 && value.ends_with('\''), path.string(), ":", number, ": the quote is not closed");
      value = value.substr(1, value.size() - 2);
      for (size_t at = 0; (at = value.find("\'\'", at)) != std::string::npos; ++at) value.erase(at, 1);
      argument.is_text = true;
    } else if (value.starts_with('"')) {
      ENSURE(value.size() >= 2 && value.ends_with('"') && value.find('\\') == std::string::npos, path.string(), ":",
             number, ": text in double quotes with escapes is not read; use single ones");
      value = value.substr(1, value.size() - 2);
      argument.is_text = true;
    }
    arguments.push_back(argument);
  }
  return arguments;
}

std::vector<std::string> command_line_of(const Arguments& arguments, const std::vector<std::string>& without) {
  std::vector<std::string> line;
  for (const Argument& argument : arguments) {
    if (argument.value.empty() || std::find(without.begin(), without.end(), argument.name) != without.end()) continue;
    line.push_back(engine::text("--", argument.name, "=", argument.value));
  }
  return line;
}

}  // namespace apps
