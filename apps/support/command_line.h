#pragma once

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <functional>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

#include "apps/support/arguments.h"
#include "apps/support/manual.h"
#include "engine/error.h"

namespace apps {

/// A mistake in how a program was called: exit code 2, where every other Error gives 1.
struct UsageError : engine::Error {
  using Error::Error;
};

/// Accepts a known name, and otherwise says the nearest one and all of them.
CLI::Validator one_of(const std::string& kind, const std::vector<std::string>& known);

/// Accepts a list of known names joined by '+', each with what `mistake` has nothing to say against: it tells what is
/// wrong with a whole list, or nothing.
CLI::Validator list_of(const std::vector<std::string>& known,
                       const std::function<std::string(const std::string&)>& mistake);

/// Accepts any text but the empty one, and shells complete it as the name of a file.
CLI::Validator file();

/// The same for a folder.
CLI::Validator folder();

/// The same for a file or a folder, or one of some words.
CLI::Validator path(const std::vector<std::string>& words);

/// Accepts the name of a file with one of these endings.
CLI::Validator ending(const std::vector<std::string>& endings);

/// Accepts the name of a single folder.
CLI::Validator folder_name();

/// Accepts a number from low to high.
CLI::Validator between(double low, double high);

/// The flags of a program: each is bound to a variable that holds its default, and can be listed with the value it has
/// now. Its manual is what --help, --man and --completion print.
class CommandLine {
 public:
  /// `call` is the program's name and what it needs, such as "validate --checkpoint FILE", `summary` half a sentence
  /// that says what it does, and every line of `description` a paragraph.
  CommandLine(const std::string& call, const std::string& summary, const std::string& description);

  /// Starts a group of flags in the manual.
  void group(const std::string& title) { group_ = title; }

  /// Adds a section behind the flags. Without one of that name, Exit status tells what is so for all programs; See also
  /// is the last.
  void section(const std::string& title, std::vector<Entry> entries) {
    sections_.push_back({title, std::move(entries)});
  }

  /// Adds a flag such as "-b,--batch-size"; the first long name is the one it is listed by.
  template <class T>
  CLI::Option* add(const std::string& names, T& value, const std::string& help) {
    CLI::Option* option = app_.add_option(names, value, help)->group(group_)->take_last();
    option->type_name(std::is_arithmetic_v<T> ? "NUMBER" : "TEXT");
    if (std::is_integral_v<T>) option->check(whole_number());
    remember(option, std::is_same_v<T, std::string>, [&value] { return exact(value); });
    return option;
  }

  /// Adds a flag for one of several names, listed in the order of the values 0, 1, ... of an enumeration.
  template <class Enum>
  CLI::Option* add_choice(const std::string& names, Enum& value, const std::string& kind,
                          const std::vector<std::string>& choices, const std::string& help) {
    const auto name = [&value, choices] { return choices[static_cast<size_t>(value)]; };
    const auto set = [&value, choices](const std::string& text) {
      value = static_cast<Enum>(std::find(choices.begin(), choices.end(), text) - choices.begin());
    };
    return add_text(names, set, name, true, help)->check(one_of(kind, choices));
  }

  /// Adds such a flag with a further choice, "auto", which leaves the value unset.
  template <class Enum>
  CLI::Option* add_auto_choice(const std::string& names, std::optional<Enum>& value, const std::string& kind,
                               std::vector<std::string> choices, const std::string& help) {
    const auto name = [&value, choices] { return value ? choices[static_cast<size_t>(*value)] : "auto"; };
    const auto set = [&value, choices](const std::string& text) {
      const auto found = std::find(choices.begin(), choices.end(), text);
      if (found == choices.end()) value.reset();
      else value = static_cast<Enum>(found - choices.begin());
    };
    std::vector<std::string> known{"auto"};
    known.insert(known.end(), choices.begin(), choices.end());
    return add_text(names, set, name, true, help)->check(one_of(kind, known));
  }

  /// Adds a flag for a number from low to high, or "auto", which leaves the value unset.
  CLI::Option* add_auto(const std::string& names, std::optional<double>& value, double low, double high,
                        const std::string& help);

  /// Adds a switch such as "--nesterov,!--no-nesterov".
  CLI::Option* add_switch(const std::string& names, bool& value, const std::string& help);

  /// Adds the arguments that stand without a flag, one at least.
  CLI::Option* add_list(const std::string& name, std::vector<std::string>& values, const std::string& help) {
    return app_.add_option(name, values, help)->required()->group("Arguments");
  }

  /// Reads the arguments, '-' and '_' in flags alike. Throws UsageError; returns false where only help, a manual page
  /// or a completion script was asked for, anywhere, and given.
  bool parse(int argc, char** argv) { return parse({argv + 1, argv + argc}); }
  bool parse(const std::vector<std::string>& arguments);

  /// Every flag's name, without dashes, and its value now.
  Arguments values() const;

  /// All names that they go by but the letters, without dashes.
  std::vector<std::string> names() const;

  /// What there is to know, with the values of the flags now as their defaults.
  Manual manual() const;

 private:
  /// The value as text that reads back as the same value.
  template <class T>
  static std::string exact(const T& value) {
    if constexpr (std::is_arithmetic_v<T>) {
      char digits[32];
      if constexpr (std::is_floating_point_v<T>) {
        return {digits, std::to_chars(digits, digits + sizeof digits, value, std::chars_format::general).ptr};
      }
      return {digits, std::to_chars(digits, digits + sizeof digits, value).ptr};
    } else {
      return value;
    }
  }

  /// A flag whose text is handed to `set`; `now` says the value as text.
  CLI::Option* add_text(const std::string& names, std::function<void(const std::string&)> set,
                        std::function<std::string()> now, bool is_text, const std::string& help);
  void remember(const CLI::Option* option, bool is_text, std::function<std::string()> value);
  static CLI::Validator whole_number();

  bool answer(const std::vector<std::string>& arguments) const;
  std::vector<std::string> checked(const std::vector<std::string>& arguments) const;
  const CLI::Option* find(const std::string& flag) const;
  std::string unknown(const std::string& argument) const;

  CLI::App app_;
  std::string call_, summary_, group_ = "Options";
  std::vector<Manual::Section> sections_;
  struct Value {
    const CLI::Option* option;
    bool is_text;
    std::function<std::string()> now;
  };
  std::vector<Value> values_;
};

/// Runs a program's body: an Error becomes one line on stderr and exit code 1, a UsageError exit code 2.
int run_program(const char* name, const std::function<void()>& body);

}  // namespace apps
