#include "apps/support/arguments.h"

#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <cctype>

#include "engine/error.h"
#include "engine/file.h"

namespace apps {
namespace {

/// A value as YAML, text in quotes. A number with an exponent needs a point there: 1.0e-05.
std::string yaml(const Argument& argument) {
  std::string value = argument.value;
  if (argument.is_text) {
    YAML::Emitter text;
    text << YAML::SingleQuoted << value;
    return text.c_str();
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

bool is_free(const std::string& name) {
  const std::vector<std::string> names{
      "threads",         "workers", "device",    "data-dir",      "download",     "data-url", "experiment",
      "output",          "config",  "dry-run",   "overfit-batch", "log-interval", "resume",   "recovery-interval",
      "checkpoint-hist", "quiet",   "cuda-graph"};
  return std::find(names.begin(), names.end(), name) != names.end();
}

Arguments read_arguments(const std::filesystem::path& path) {
  std::string text = engine::read_file(path);
  text.erase(text.find_last_not_of(" \t\r\n") + 1);  // else yaml-cpp lets a quote be closed by the end of the file
  const auto at = [&](const YAML::Mark& mark) { return engine::text(path.string(), ":", mark.line + 1, ": "); };
  Arguments arguments;
  try {
    const std::vector<YAML::Node> documents = YAML::LoadAll(text);
    ENSURE(documents.size() < 2, at(documents[1].Mark()), "is not 'name: value'");
    if (documents.empty() || documents[0].IsNull()) return arguments;
    ENSURE(documents[0].IsMap(), at(documents[0].Mark()), "is not 'name: value'");
    for (const auto& line : documents[0]) {
      const YAML::Node &name = line.first, &value = line.second;
      ENSURE(name.IsScalar() && value.IsScalar(), at(name.Mark()), "is not 'name: value'");
      Argument argument{name.Scalar(), value.Scalar(), value.Tag() == "!"};  // which quotes give
      std::replace(argument.name.begin(), argument.name.end(), '_', '-');
      arguments.push_back(argument);
    }
  } catch (const YAML::Exception& error) {
    engine::fail(at(error.mark), error.msg);
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
