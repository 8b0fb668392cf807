#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "engine/error.h"

namespace apps {

/// A mistake in how a program was called: exit code 2, where every other Error gives 1.
struct UsageError : engine::Error {
  using Error::Error;
};

/// The flags of a program: each is bound to a variable that holds its default, and can be listed with the value it has
/// now.
class CommandLine {
 public:
  CommandLine(const std::string& program, const std::string& description);

  /// Starts a group of flags in --help.
  void group(const std::string& title) { group_ = title; }

  /// Adds a flag such as "-b,--batch-size"; the first long name is the one it is listed by.
  template <class T>
  CLI::Option* add(const std::string& names, T& value, const std::string& help) {
    CLI::Option* option = app_.add_option(names, value, help)->capture_default_str()->group(group_);
    remember(option, [&value] { return engine::text(value); });
    return option;
  }

  /// Adds a flag whose value is a list with commas.
  CLI::Option* add_list(const std::string& names, std::vector<double>& value, const std::string& help);

  /// Adds a switch such as "--nesterov,!--no-nesterov".
  CLI::Option* add_switch(const std::string& names, bool& value, const std::string& help);

  /// Reads the arguments, '-' and '_' in flags alike. Throws UsageError; returns false where only help was asked for
  /// and given.
  bool parse(int argc, char** argv);

  /// Every flag's name, without dashes, and its value now.
  std::vector<std::pair<std::string, std::string>> values() const;

 private:
  void remember(const CLI::Option* option, std::function<std::string()> value);

  CLI::App app_;
  std::string group_ = "Options";
  std::vector<std::pair<std::string, std::function<std::string()>>> values_;
};

/// Accepts a known name, and otherwise says the nearest one and all of them.
CLI::Validator one_of(const std::string& kind, const std::vector<std::string>& known);

/// Accepts a number from low to high.
CLI::Validator between(double low, double high);

/// Accepts a number above or equal to low.
CLI::Validator at_least(double low);

/// Runs a program's body: an Error becomes one line on stderr and exit code 1, a UsageError exit code 2.
int run_program(const char* name, const std::function<void()>& body);

}  // namespace apps
