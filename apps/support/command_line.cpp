#include "apps/support/command_line.h"

#include <algorithm>
#include <iostream>
#include <new>

#include "apps/support/interrupt.h"
#include "engine/names.h"
#include "engine/processor.h"

namespace apps {

CommandLine::CommandLine(const std::string& program, const std::string& description) : app_(description, program) {
  app_.get_formatter()->column_width(44);
  app_.set_help_flag("-h,--help", "Print this help and exit")->group("Help");
  app_.allow_extras();  // reported by parse(), with the nearest flag
}

CLI::Option* CommandLine::add_switch(const std::string& names, bool& value, const std::string& help) {
  CLI::Option* option = app_.add_flag(names, value, help)->group(group_);
  if (value) option->description(help + " [on]");
  remember(option, false, [&value] { return value ? "true" : "false"; });
  return option;
}

CLI::Option* CommandLine::add_text(const std::string& names, std::function<void(const std::string&)> set,
                                   std::function<std::string()> now, bool is_text, const std::string& help) {
  CLI::Option* option = app_.add_option_function(names, std::move(set), help);
  option->default_str(now())->group(group_)->take_last();
  remember(option, is_text, std::move(now));
  return option;
}

CLI::Option* CommandLine::add_auto(const std::string& names, std::optional<double>& value, double low, double high,
                                   const std::string& help) {
  const CLI::Validator number = between(low, high);
  const auto set = [&value](const std::string& text) {
    value = text == "auto" ? std::nullopt : std::optional<double>(std::stod(text));
  };
  const auto now = [&value] { return value ? exact(*value) : "auto"; };
  return add_text(names, set, now, false, help)
      ->check(CLI::Validator([number](std::string& text) { return text == "auto" ? "" : number(text); }, ""));
}

void CommandLine::remember(const CLI::Option* option, bool is_text, std::function<std::string()> value) {
  values_.push_back({option->get_lnames().front(), is_text, std::move(value)});
}

bool CommandLine::parse(const std::vector<std::string>& given) {
  std::vector<std::string> arguments(given.rbegin(), given.rend());  // CLI11 wants them last to first
  for (std::string& argument : arguments) {
    if (!argument.starts_with("--")) continue;
    const auto end = argument.begin() + static_cast<std::ptrdiff_t>(std::min(argument.find('='), argument.size()));
    std::replace(argument.begin(), end, '_', '-');
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
    const std::string name = unknown.front().substr(0, unknown.front().find('='));
    std::vector<std::string> known;
    for (const CLI::Option* option : app_.get_options()) {
      for (const std::string& flag : option->get_lnames()) known.push_back("--" + flag);
    }
    const std::string nearest = engine::nearest_name(name, known);
    if (name.starts_with("--") && !nearest.empty()) line += ": did you mean " + nearest + "?";
    throw UsageError(line + " (--help lists all flags)");
  }
  return true;
}

Arguments CommandLine::values() const {
  Arguments list;
  for (const Value& value : values_) list.push_back({value.name, value.now(), value.is_text});
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

CLI::Validator not_empty() {
  return CLI::Validator([](std::string& value) { return std::string(value.empty() ? "must not be empty" : ""); }, "");
}

CLI::Validator ending(const std::vector<std::string>& endings) {
  return CLI::Validator(
      [endings](std::string& value) {
        std::string line = "'" + value + "' does not end in";
        for (const std::string& one : endings) {
          if (value.ends_with(one) && value != one) return std::string();
          line += " " + one;
        }
        return line;
      },
      "");
}

CLI::Validator folder_name() {
  return CLI::Validator(
      [](std::string& value) {
        const bool good = !value.empty() && value.find('/') == std::string::npos && value != "." && value != "..";
        return good ? std::string() : "'" + value + "' is not the name of one folder";
      },
      "");
}

CLI::Validator between(double low, double high) {
  return CLI::Validator(
      [=](std::string& value) {
        double number = 0;
        const bool good = CLI::detail::lexical_cast(value, number) && number >= low && number <= high;
        return good ? std::string() : engine::text("'", value, "' is not a number from ", low, " to ", high);
      },
      "");
}

int run_program(const char* name, const std::function<void()>& body) {
  engine::require_processor();
  try {
    body();
    return 0;
  } catch (const Interrupted& end) {
    return 128 + end.signal;
  } catch (const UsageError& error) {
    std::cerr << name << ": " << error.what() << '\n';
    return 2;
  } catch (const std::bad_alloc&) {
    std::cerr << name << ": not enough memory: a smaller batch or data set needs less\n";
    return 1;
  } catch (const std::exception& error) {
    std::cerr << name << ": " << error.what() << '\n';
    return 1;
  }
}

}  // namespace apps
