#pragma once

#include <string>
#include <vector>

#include "engine/error.h"

namespace engine {

/// The words in one line, with something between two of them.
std::string joined(const std::vector<std::string>& words, const std::string& between);

/// The only known name that begins with `name`, or else that with the smallest edit distance to it; empty where in all
/// of them more than half is different.
std::string nearest_name(const std::string& name, const std::vector<std::string>& known);

/// One line for an unknown name: "unknown model 'resnet19': did you mean 'resnet18'? known: resnet18, resnet20". Of
/// more than forty known ones it does not list all.
std::string unknown_name(const std::string& kind, const std::string& name, const std::vector<std::string>& known);

/// The names of a table whose rows have a member `name`.
template <class Table>
std::vector<std::string> names_of(const Table& table) {
  std::vector<std::string> names;
  for (const auto& row : table) names.push_back(row.name);
  return names;
}

/// The row called `name`; an Error that lists the known names where there is none.
template <class Table>
const auto& find_named(const Table& table, const std::string& kind, const std::string& name) {
  for (const auto& row : table) {
    if (name == row.name) return row;
  }
  fail(unknown_name(kind, name, names_of(table)));
}

}  // namespace engine
