#include "apps/support/command_line.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <iostream>
#include <new>
#include <sstream>

#include "apps/support/completion.h"
#include "apps/support/interrupt.h"
#include "engine/names.h"
#include "engine/processor.h"

namespace apps {
namespace {

const char* const shells[] = {"bash", "zsh", "fish"};

/// How a validator tells in its description what a flag takes, for the manual: "NUMBER{auto}", "NAME{ce,dm}".
std::string described(const std::string& value, const std::vector<std::string>& known) {
  return known.empty() ? value : engine::text(value, "{", engine::joined(known, ","), "}");
}

std::string empty_is_wrong(const std::string& value) { return value.empty() ? "must not be empty" : ""; }

/// A flag of CLI11, without its default.
Flag flag_of(const CLI::Option& option) {
  Flag flag;
  flag.help = option.get_description();
  for (const std::string& name : option.get_snames()) flag.names.push_back("-" + name);
  for (const std::string& name : option.get_lnames()) flag.names.push_back("--" + name);
  if (option.get_items_expected_max() == 0) return flag;
  const std::string type = option.get_type_name();  // that of the variable, and the descriptions of the validators
  flag.value = type.substr(type.rfind(':') + 1);
  const size_t brace = flag.value.find('{');
  if (brace == std::string::npos) return flag;
  std::istringstream names(flag.value.substr(brace + 1, flag.value.size() - brace - 2));
  for (std::string name; std::getline(names, name, ',');) flag.known.push_back(name);
  flag.value.resize(brace);
  return flag;
}

}  // namespace

CommandLine::CommandLine(const std::string& call, const std::string& summary, const std::string& description)
    : app_(description, call.substr(0, call.find(' '))), call_(call), summary_(summary) {
  app_.set_help_flag();
  app_.add_flag("-h,--help")->description("Print this help and exit")->group("Help");
  app_.add_flag("--man")->description("Print it as a manual page, for man -l")->group("Help");
  app_.add_option("--completion")
      ->description("Print a script that makes a shell complete flags and values")
      ->check(one_of("shell", {std::begin(shells), std::end(shells)}))
      ->group("Help");
}

CLI::Option* CommandLine::add_switch(const std::string& names, bool& value, const std::string& help) {
  CLI::Option* option = app_.add_flag(names, value, help)->group(group_);
  remember(option, false, [&value] { return value ? "true" : "false"; });
  return option;
}

CLI::Option* CommandLine::add_text(const std::string& names, std::function<void(const std::string&)> set,
                                   std::function<std::string()> now, bool is_text, const std::string& help) {
  CLI::Option* option = app_.add_option_function(names, std::move(set), help);
  option->group(group_)->take_last();
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
      ->check(
          CLI::Validator([number](std::string& text) { return text == "auto" ? "" : number(text); }, "NUMBER{auto}"));
}

void CommandLine::remember(const CLI::Option* option, bool is_text, std::function<std::string()> value) {
  values_.push_back({option, is_text, std::move(value)});
}

bool CommandLine::parse(const std::vector<std::string>& given) {
  if (answer(given)) return false;
  std::vector<std::string> arguments = checked(given);
  std::reverse(arguments.begin(), arguments.end());  // CLI11 wants them last to first
  try {
    app_.parse(arguments);
  } catch (const CLI::RequiredError&) {
    throw UsageError(engine::text("is called as ", call_, " (--help lists all flags)"));
  } catch (const CLI::ParseError& error) {
    throw UsageError(std::string(error.what()) + " (--help lists all flags)");
  }
  return true;
}

/// Prints what --help, --man or --completion asks for, whatever else is said; false where none of them is there.
bool CommandLine::answer(const std::vector<std::string>& arguments) const {
  for (size_t i = 0; i < arguments.size() && arguments[i] != "--"; ++i) {
    const size_t equals = arguments[i].find('=');
    const std::string flag = arguments[i].substr(0, equals);
    if (flag == "-h" || flag == "--help") return print_help(manual()), true;
    if (flag == "--man") return std::cout << man_page(manual()), true;
    if (flag != "--completion") continue;
    const std::string shell = equals != std::string::npos ? arguments[i].substr(equals + 1)
                              : i + 1 < arguments.size()  ? arguments[i + 1]
                                                          : "";
    if (std::find(std::begin(shells), std::end(shells), shell) == std::end(shells)) return false;
    return std::cout << completion_script(manual(), shell), true;
  }
  return false;
}

/// The arguments with '-' in flags and values apart from them. Throws UsageError where a flag is unknown, lacks its
/// value, or has one that it does not take. CLI11 would take a value that lacks from the flag behind it.
std::vector<std::string> CommandLine::checked(const std::vector<std::string>& given) const {
  const auto positional = [](const CLI::Option* option) { return option->get_positional(); };
  std::vector<std::string> arguments;
  for (size_t i = 0; i < given.size(); ++i) {
    const std::string& argument = given[i];
    if (argument.size() < 2 || argument[0] != '-' || argument == "--") {
      if (app_.get_options(positional).empty()) throw UsageError(unknown(argument));
      arguments.push_back(argument);
      if (argument == "--") return arguments.insert(arguments.end(), given.begin() + i + 1, given.end()), arguments;
      continue;
    }
    const bool is_long = argument[1] == '-';
    const size_t end = is_long ? std::min(argument.find('='), argument.size()) : 2;
    std::string name = argument.substr(0, end), rest = argument.substr(end);
    if (is_long) std::replace(name.begin(), name.end(), '_', '-');
    const CLI::Option* option = find(name);
    if (!option) throw UsageError(unknown(argument));
    const Flag flag = flag_of(*option);
    if (flag.value.empty()) {
      if (!rest.empty() && rest != "=true" && rest != "=false") {
        throw UsageError(engine::text(name, ": '", rest.substr(is_long), "' is neither true nor false"));
      }
      arguments.push_back(name + rest);
      continue;
    }
    arguments.push_back(name);
    if (!rest.empty()) {
      arguments.push_back(rest.substr(is_long));
    } else if (i + 1 < given.size() && !given[i + 1].starts_with("--") && !find(given[i + 1])) {
      arguments.push_back(given[++i]);
    } else {
      std::vector<std::string> values = flag.known;
      if (values.empty() || flag.value != "NAME") values.push_back(flag.value);
      throw UsageError(
          engine::text(name, " needs a value: ", engine::joined(values, ", "), " (--help lists all flags)"));
    }
  }
  return arguments;
}

const CLI::Option* CommandLine::find(const std::string& flag) const {
  return flag.size() > 1 && flag[0] == '-' ? app_.get_option_no_throw(flag) : nullptr;
}

/// One line for an argument that is none.
std::string CommandLine::unknown(const std::string& argument) const {
  const auto bare = [](const std::string& flag) {
    return flag.substr(std::min(flag.find_first_not_of('-'), flag.size()));
  };
  std::vector<std::string> known;
  for (const CLI::Option* option : app_.get_options()) {
    known.insert(known.end(), option->get_lnames().begin(), option->get_lnames().end());
  }
  std::string line = "unknown argument '" + argument + "'";
  const std::string name = bare(argument.substr(0, argument.find('='))), nearest = engine::nearest_name(name, known);
  if (!nearest.empty() && (argument[0] == '-' || nearest == name)) line += ": did you mean --" + nearest + "?";
  return line + " (--help lists all flags)";
}

Arguments CommandLine::values() const {
  Arguments list;
  for (const Value& value : values_) list.push_back({value.option->get_lnames().front(), value.now(), value.is_text});
  return list;
}

std::vector<std::string> CommandLine::names() const {
  std::vector<std::string> list;
  for (const Value& value : values_) {
    list.insert(list.end(), value.option->get_lnames().begin(), value.option->get_lnames().end());
  }
  return list;
}

Manual CommandLine::manual() const {
  Manual manual{app_.get_name(), call_, summary_, app_.get_description(), {}, sections_};
  for (const CLI::Option* option : app_.get_options()) {
    Flag flag = flag_of(*option);
    for (const Value& value : values_) {
      if (value.option != option) continue;
      flag.usual = value.now();
      if (flag.value.empty()) flag.usual = flag.usual == "true" ? "on" : "";
    }
    const auto same = [&](const Manual::Group& group) { return group.title == option->get_group(); };
    auto group = std::find_if(manual.groups.begin(), manual.groups.end(), same);
    if (group == manual.groups.end()) group = manual.groups.insert(group, {option->get_group(), {}});
    group->flags.push_back(std::move(flag));
  }
  std::rotate(manual.groups.begin(), manual.groups.begin() + 1, manual.groups.end());  // Help was made first
  const auto is_status = [](const Manual::Section& section) { return section.title == "Exit status"; };
  if (std::none_of(sections_.begin(), sections_.end(), is_status)) {
    manual.sections.push_back({"Exit status", {{"0", "All went well"}, {"1", "An error"}, {"2", "Wrong use"}}});
  }
  std::stable_partition(manual.sections.begin(), manual.sections.end(),
                        [](const Manual::Section& section) { return section.title != "See also"; });
  return manual;
}

CLI::Validator CommandLine::whole_number() {
  return CLI::Validator(
      [](std::string& value) {
        double number = 0;
        const bool digits = value.find_first_not_of("0123456789", value.starts_with('-')) == std::string::npos;
        if (digits || !CLI::detail::lexical_cast(value, number)) return std::string();  // a range may say more
        return "'" + value + "' is not a whole number";
      },
      "");
}

CLI::Validator one_of(const std::string& kind, const std::vector<std::string>& known) {
  return CLI::Validator(
      [kind, known](std::string& value) {
        if (std::find(known.begin(), known.end(), value) != known.end()) return std::string();
        return engine::unknown_name(kind, value, known);
      },
      described("NAME", known));
}

CLI::Validator list_of(const std::vector<std::string>& known,
                       const std::function<std::string(const std::string&)>& mistake) {
  return CLI::Validator([mistake](std::string& list) { return mistake(list); }, described("LIST", known));
}

CLI::Validator file() { return CLI::Validator(empty_is_wrong, "FILE"); }

CLI::Validator folder() { return CLI::Validator(empty_is_wrong, "FOLDER"); }

CLI::Validator path(const std::vector<std::string>& words) {
  return CLI::Validator(empty_is_wrong, described("PATH", words));
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
      "FILE");
}

CLI::Validator folder_name() {
  return CLI::Validator(
      [](std::string& value) {
        const bool plain =
            std::none_of(value.begin(), value.end(), [](unsigned char c) { return c < ' ' || c == '/'; });
        const bool good = plain && !value.empty() && value != "." && value != "..";
        return good ? std::string() : "'" + value + "' is not the name of one folder";
      },
      "NAME");
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
  for (int i = 0; i <= STDERR_FILENO; ++i) {  // else the next file to be opened were what is printed to
    if (fcntl(i, F_GETFD) < 0 && open("/dev/null", O_RDWR) != i) return 1;
  }
  std::signal(SIGXFSZ, SIG_IGN);  // a write beyond a limit is an error like others
  const auto tell = [&](std::string line) {
    std::replace(line.begin(), line.end(), '\n', ' ');  // such as of a file's name
    std::cerr << name << ": " << line << '\n';
  };
  try {
    body();
    std::cout.flush();
    ENSURE(std::cout && std::fflush(stdout) == 0 && !std::ferror(stdout), "what it printed could not all be written");
    return 0;
  } catch (const Interrupted& end) {
    return 128 + end.signal;
  } catch (const UsageError& error) {
    tell(error.what());
    return 2;
  } catch (const std::bad_alloc&) {
    tell("not enough memory: a smaller batch or data set needs less");
    return 1;
  } catch (const std::exception& error) {
    tell(error.what());
    return 1;
  }
}

}  // namespace apps
