#include "apps/support/manual.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <iostream>
#include <sstream>

#include "engine/error.h"
#include "engine/names.h"

namespace apps {
namespace {

using engine::joined;

std::string upper(std::string text) {
  for (char& c : text) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return text;
}

std::vector<std::string> paragraphs_of(const std::string& text) {
  std::vector<std::string> paragraphs;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) paragraphs.push_back(line);
  return paragraphs;
}

/// A flag's names and what it takes, and what is told about it.
Entry entry_of(const Flag& flag) {
  const bool lists_all = flag.value == "NAME" || flag.value == "LIST";
  std::string value = flag.value, text = flag.help + ".";
  if (lists_all && !flag.known.empty()) {
    text += engine::text(flag.value == "NAME" ? " One of " : " Names: ", joined(flag.known, ", "), ".");
  } else if (!flag.known.empty()) {
    value += engine::text("|", joined(flag.known, "|"));
  }
  if (flag.names.empty()) return {value + "...", text};
  if (!flag.usual.empty()) text += engine::text(" Default: ", flag.usual, ".");
  return {joined(flag.names, ", ") + (value.empty() ? "" : engine::text(" ", value)), text};
}

Manual::Section section_of(const Manual::Group& group) {
  Manual::Section section{group.title, {}};
  for (const Flag& flag : group.flags) section.entries.push_back(entry_of(flag));
  return section;
}

/// A term with each of its words between marks: those for something in capitals, which stands for something else, or
/// those for what is typed as it is.
template <class Escape>
std::string marked(const std::string& term, const char* typed, const char* capitals, const char* end, Escape escape) {
  std::string line;
  std::istringstream words(term);
  for (std::string word; words >> word;) {
    const auto letter =
        std::find_if(word.begin(), word.end(), [](char c) { return std::isalpha(static_cast<unsigned char>(c)); });
    const bool stands_for = letter != word.end() && std::isupper(static_cast<unsigned char>(*letter));
    line += engine::text(line.empty() ? "" : " ", stands_for ? capitals : typed, escape(word), end);
  }
  return line;
}

std::vector<std::string> wrapped(const std::string& text, size_t width) {
  std::vector<std::string> lines;
  std::istringstream words(text);
  for (std::string word, next; words >> word;) {
    if (word == "Default:" && words >> next) word += engine::text(" ", next);  // not apart
    if (!lines.empty() && lines.back().size() + 1 + word.size() <= width) lines.back() += engine::text(" ", word);
    else lines.push_back(word);
  }
  return lines;
}

/// Lines of text, indented and no longer than they may be.
class Page {
 public:
  Page(size_t width, bool styled) : width_(width), styled_(styled) {}

  void heading(size_t indent, const std::string& title) {
    out_ << (out_.tellp() > 0 ? "\n" : "") << spaces(indent) << (styled_ ? "\033[1m" : "") << title
         << (styled_ ? "\033[0m" : "") << '\n';
  }

  void blank() { out_ << '\n'; }

  void paragraph(size_t indent, const std::string& paragraph) {
    for (const std::string& line : wrapped(paragraph, width_ - indent)) out_ << spaces(indent) << line << '\n';
  }

  /// A term at `indent` and its text from `column` on, in the same line where there is room.
  void entry(size_t indent, size_t column, const Entry& entry) {
    if (entry.term.empty()) return paragraph(indent, entry.text);
    const std::vector<std::string> terms = wrapped(entry.term, width_ - indent - 4);
    std::vector<std::string> texts = wrapped(entry.text, width_ - column);
    for (size_t i = 0; i < terms.size(); ++i) {
      const bool last = i + 1 == terms.size();
      out_ << spaces(i == 0 ? indent : indent + 2) << style(terms[i]) << (last ? "" : " \\");  // as shells read it
      if (last && i == 0 && indent + terms[0].size() + 2 <= column && !texts.empty()) {
        out_ << spaces(column - indent - terms[0].size()) << texts[0];
        texts.erase(texts.begin());
      }
      out_ << '\n';
    }
    for (const std::string& line : texts) out_ << spaces(column) << line << '\n';
  }

  /// Where the texts of entries begin: behind all terms of moderate length, or below them where that leaves too little
  /// room.
  size_t column(size_t indent, const std::vector<Manual::Section>& sections) const {
    size_t longest = 0;
    for (const Manual::Section& section : sections) {
      for (const Entry& entry : section.entries) {
        if (entry.term.size() <= 24) longest = std::max(longest, entry.term.size());
      }
    }
    const size_t behind = indent + longest + 2;
    return longest > 0 && width_ >= behind + 40 ? behind : indent + 4;
  }

  std::string text() const { return out_.str(); }

 private:
  static std::string spaces(size_t count) { return std::string(count, ' '); }

  std::string style(const std::string& term) const {
    if (!styled_) return term;
    return marked(term, "\033[1m", "\033[4m", "\033[0m", [](const std::string& word) { return word; });
  }

  size_t width_;
  bool styled_;
  std::ostringstream out_;
};

/// Text that roff shows as it is.
std::string roff(const std::string& text) {
  std::string escaped;
  for (const char c : text) {
    switch (c) {
      case '\\':
        escaped += "\\e";
        break;
      case '-':
        escaped += "\\-";
        break;
      case '\'':
        escaped += "\\(aq";
        break;
      case '`':
        escaped += "\\(ga";
        break;
      case '^':
        escaped += "\\(ha";
        break;
      case '~':
        escaped += "\\(ti";
        break;
      default:
        escaped += c;
    }
  }
  return escaped.starts_with('.') ? engine::text("\\&", escaped) : escaped;
}

std::string roff_term(const std::string& term) { return marked(term, "\\fB", "\\fI", "\\fR", roff); }

std::string roff_entries(const std::vector<Entry>& entries) {
  std::string page;
  for (const Entry& entry : entries) {
    if (entry.term.empty()) page += engine::text(".PP\n", roff(entry.text), "\n");
    else page += engine::text(".TP\n", roff_term(entry.term), "\n", roff(entry.text), "\n");
  }
  return page;
}

}  // namespace

std::string help_page(const Manual& m, size_t width, bool styled) {
  Page page(std::clamp<size_t>(width, 60, 100), styled);
  page.heading(0, "NAME");
  page.paragraph(2, m.program + " - " + m.summary);
  page.heading(0, "SYNOPSIS");
  page.entry(2, 6, {m.call + " [FLAG...]", ""});
  page.heading(0, "DESCRIPTION");
  const std::vector<std::string> paragraphs = paragraphs_of(m.description);
  for (size_t i = 0; i < paragraphs.size(); ++i) {
    if (i > 0) page.blank();
    page.paragraph(2, paragraphs[i]);
  }
  page.heading(0, "OPTIONS");
  std::vector<Manual::Section> groups;
  std::transform(m.groups.begin(), m.groups.end(), std::back_inserter(groups), section_of);
  const size_t column = page.column(4, groups);
  for (const Manual::Section& group : groups) {
    page.heading(2, group.title);
    for (const Entry& entry : group.entries) page.entry(4, column, entry);
  }
  for (const Manual::Section& section : m.sections) {
    page.heading(0, upper(section.title));
    const size_t its_column = page.column(2, {section});
    for (const Entry& entry : section.entries) page.entry(2, its_column, entry);
  }
  return page.text();
}

void print_help(const Manual& manual) {
  winsize size{};
  const bool terminal = isatty(STDOUT_FILENO) == 1;
  const char* no_color = std::getenv("NO_COLOR");
  const bool known = terminal && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
  std::cout << help_page(manual, known ? size.ws_col : 80, terminal && (!no_color || !*no_color));
}

std::string man_page(const Manual& m) {
  std::string page = engine::text(".TH ", roff(upper(m.program)), " 1 \"\" demix \"User Commands\"\n.nh\n.ad l\n");
  page += engine::text(".SH NAME\n", roff(m.program), " \\- ", roff(m.summary), "\n");
  page += engine::text(".SH SYNOPSIS\n", roff_term(m.call + " [FLAG...]"), "\n");
  page += ".SH DESCRIPTION\n";
  for (const std::string& paragraph : paragraphs_of(m.description)) page += roff_entries({{"", paragraph}});
  page += ".SH OPTIONS\n";
  for (const Manual::Group& group : m.groups) {
    page += engine::text(".SS ", roff(group.title), "\n", roff_entries(section_of(group).entries));
  }
  for (const Manual::Section& section : m.sections) {
    page += engine::text(".SH ", roff(upper(section.title)), "\n", roff_entries(section.entries));
  }
  return page;
}

}  // namespace apps
