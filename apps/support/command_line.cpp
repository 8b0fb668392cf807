#include "apps/support/command_line.h"

#include <algorithm>
#include <iostream>
#include <limits>

#include "engine/names.h"

namespace apps {

CommandLine::CommandLine(const std::string& program, const std::string& description) : app_(description, program) {
  app_.get_formatter()->column_width(34);
  app_.get_formatter()->label("REQUIRED", "(required)");
  app_.set_help_flag("-h,--help", "Print this help and exit")->group("Help");
  app_.allow_extras();  // reported by parse(), with the nearest flag
}

CLI::Option* CommandLine::add_list(const std::string& names, std::vector<double>& value, const std::string& help) {
  const auto joined = [&value] {
    std::string list;
    for (double number : value) list += (list.empty() ? "" : ",") + engine::text(number);
    return list;
  };
  CLI::Option* option = app_.add_option(names, value, help)->delimiter(',')->group(group_)->default_str(joined());
  remember(option, joined);
  return option;
}

CLI::Option* CommandLine::add_switch(const std::string& names, bool& value, const std::string& help) {
  CLI::Option* option = app_.add_flag(names, value, help)->group(group_);
  if (value) option->description(help + " [on]");
  remember(option, [&value] { return value ? "true" : "false"; });
  return option;
}

void CommandLine::remember(const CLI::Option* option, std::function<std::string()> value) {
  values_.emplace_back(option->get_lnames().front(), std::move(value));
}

bool CommandLine::parse(int argc, char** argv) {
  std::vector<std::string> arguments;
  for (int i = argc - 1; i > 0; --i) {  // CLI11 wants them last to first
    std::string argument = argv[i];
    if (argument.starts_with("--")) {
      const auto end = argument.begin() + static_cast<std::ptrdiff_t>(std::min(argument.find('='), argument.size()));
      std::replace(argument.begin(), end, '_', '-');
    }
    arguments.push_back(argument);
  }
  try {
    app_.parse(arguments);
  } catch (const CLI::CallForHelp&) {
    std::cout << app_.help();
    return false;
  } catch (const CLI::ParseError& error) {
    throw UsageError(std::string(error.what()) + " (--help lists all flags)");
  }
  const std::vector<std::string> unknown = app_.remaining();
  if (!unknown.empty()) {
    std::string line = "unknown argument '" + unknown.front() + "'";
    std::vector<std::string> known;
    for (const CLI::Option* option : app_.get_options()) {
      for (const std::string& name : option->get_lnames()) known.push_back("--" + name);
    }
    const std::string nearest = engine::nearest_name(unknown.front().substr(0, unknown.front().find('=')), known);
    if (!nearest.empty()) line += ": did you mean " + nearest + "?";
    throw UsageError(line + " (--help lists all flags)");
  }
  return true;
}

std::vector<std::pair<std::string, std::string>> CommandLine::values() const {
  std::vector<std::pair<std::string, std::string>> list;
  for (const auto& [name, value] : values_) list.emplace_back(name, value());
  return list;
}

CLI::Validator one_of(const std::string& kind, const std::vector<std::string>& known) {
  std::string description = "{";
  for (const std::string& name : known) description += (description.size() > 1 ? "," : "") + name;
  return CLI::Validator(
      [kind, known](std::string& value) {
        if (std::find(known.begin(), known.end(), value) != known.end()) return std::string();
        return engine::unknown_name(kind, value, known);
      },
      description + "}");
}

CLI::Validator between(double low, double high) {
  std::string limits = engine::text("from ", low, " to ", high);
  if (high == std::numeric_limits<double>::infinity()) limits = engine::text("at least ", low);
  return CLI::Validator(
      [=](std::string& value) {
        double number = 0;
        const bool good = CLI::detail::lexical_cast(value, number) && number >= low && number <= high;
        return good ? std::string() : engine::text("'", value, "' is not a number ", limits);
      },
      "");
}

CLI::Validator at_least(double low) { return between(low, std::numeric_limits<double>::infinity()); }

int run_program(const char* name, const std::function<void()>& body) {
  try {
    body();
    return 0;
  } catch (const UsageError& error) {
    std::cerr << name << ": " << error.what() << '\n';
    return 2;
  } catch (const std::exception& error) {
    std::cerr << name << ": " << error.what() << '\n';
    return 1;
  }
}

}  // namespace apps
