#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace apps {

/// A flag, without dashes, and its value; text as against a number or a truth value.
struct Argument {
  std::string name, value;
  bool is_text;
};
using Arguments = std::vector<Argument>;

/// They as the lines of an args.yaml: "batch_size: 128", texts in quotes.
std::string yaml_of(const Arguments& arguments);

/// The arguments in an args.yaml; an Error names the file and the line that is not "name: value".
Arguments read_arguments(const std::filesystem::path& path);

/// Whether an argument changes how a training runs, but not what it comes to.
bool is_free(const std::string& name);

/// They as a command line, without those of some names and those that are empty.
std::vector<std::string> command_line_of(const Arguments& arguments, const std::vector<std::string>& without);

}  // namespace apps
