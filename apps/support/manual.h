#pragma once

#include <string>
#include <vector>

namespace apps {

/// A flag of a program as its manual and the completion of shells tell it.
struct Flag {
  std::vector<std::string> names;  // "-b", "--batch-size"; of arguments that stand without a flag none
  std::string value;               // what it takes: NUMBER, TEXT, NAME, LIST, FILE, FOLDER or PATH; empty: nothing
  std::vector<std::string> known;  // of a NAME all values, of a LIST all parts, of others some that are words
  std::string help, usual;         // usual: its default; empty: none
};

/// A term and what is told about it, or a paragraph where there is no term. Words of a term in capitals stand for
/// something else.
struct Entry {
  std::string term, text;
};

/// Everything about a program that is to be known to call it.
struct Manual {
  struct Group {
    std::string title;
    std::vector<Flag> flags;
  };
  struct Section {
    std::string title;
    std::vector<Entry> entries;
  };

  std::string program, call;  // call: the program and what it needs, such as "validate --checkpoint FILE"
  std::string summary;        // half a sentence
  std::string description;    // paragraphs, each one line
  std::vector<Group> groups;
  std::vector<Section> sections;
};

/// The manual in lines of at most `width` characters, 60 to 100 of them; with a terminal's bold and underlined text
/// where that is wanted.
std::string help_page(const Manual& manual, size_t width, bool styled);

/// Prints it as it suits stdout: as wide as the terminal, bold there unless NO_COLOR is set, and 80 wide elsewhere.
void print_help(const Manual& manual);

/// The manual for man, by the macros of man(7).
std::string man_page(const Manual& manual);

}  // namespace apps
