#include "apps/support/manual.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <sstream>

#include "apps/support/command_line.h"

using apps::Manual;

namespace {

std::vector<std::string> lines_of(const std::string& page) {
  std::vector<std::string> lines;
  std::istringstream in(page);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

size_t count(const std::string& text, const std::string& part) {
  size_t times = 0;
  for (size_t at = 0; (at = text.find(part, at)) != std::string::npos; at += part.size()) ++times;
  return times;
}

bool has(const std::string& text, const std::string& part) { return count(text, part) > 0; }

/// The words of a page in order, without the backslashes at the ends of lines.
std::string words_of(const std::string& page) {
  std::string words;
  for (std::string line : lines_of(page)) {
    if (line.ends_with(" \\")) line.resize(line.size() - 2);
    std::istringstream in(line);
    for (std::string word; in >> word;) words += word + " ";
  }
  return words;
}

Manual example() {
  static std::string model = "linear", list = "none", file, text;
  static int64_t count = 7;
  static bool flip = true, json = false;
  static std::optional<double> pad;
  apps::CommandLine line("example --file FILE", "is an example",
                         "A description that is long enough for two lines, where they are no longer than eighty.\nA "
                         "second paragraph.");
  line.section("See also", {{"other(1)", "another one"}});
  line.section("Examples", {{"example --file some/file/with/a/long/name --model resnet18 --count 1000 --no-flip --json",
                             "What it does"}});
  line.group("First ones");
  line.add("--model,--arch", model, "Network")->check(apps::one_of("model", {"linear", "resnet18", "resnet20"}));
  line.add("--list", list, "Several")->check(apps::list_of({"none", "mixup"}, [](const std::string&) { return ""; }));
  line.add("--file", file, "A file")->check(apps::file());
  line.group("Second ones");
  line.add("-c,--count", count, "How many; there is more to say about it than there is room for in one line of text")
      ->check(apps::between(1, 9));
  line.add_auto("--pad", pad, 0, 31, "Pixels");
  line.add_switch("--flip,!--no-flip", flip, "Mirror");
  line.add_switch("--json", json, "As JSON");
  line.add("--text", text, "Any text");
  return line.manual();
}

}  // namespace

TEST_CASE("help tells names, values and defaults of each flag, once") {
  const std::string page = apps::help_page(example(), 80, false);
  for (const std::string part :
       {"NAME\n  example - is an example\n", "SYNOPSIS\n  example --file FILE [FLAG...]\n",
        "\n\n  A second paragraph.\n",
        "\n  First ones\n    --model, --arch NAME  Network. One of linear, resnet18, resnet20.\n",
        "--list LIST           Several. Names: none, mixup. Default: none.\n", "--file FILE           A file.\n",
        "-c, --count NUMBER    How many; there", "Default: 7.\n", "--pad NUMBER|auto     Pixels. Default: auto.\n",
        "--flip, --no-flip     Mirror. Default: on.\n", "--json                As JSON.\n",
        "--text TEXT           Any text.\n", "-h, --help            Print this"}) {
    CAPTURE(part);
    CHECK(count(page, part) == 1);
  }
  CHECK(count(page, "Default: linear.") == 1);
  CHECK(count(page, "Default:") == 5);
  const std::string order = words_of(page);
  size_t before = 0;
  for (const std::string heading :
       {"DESCRIPTION", "OPTIONS", "First ones", "Second ones", "Help", "EXAMPLES", "EXIT STATUS", "SEE ALSO"}) {
    CAPTURE(heading);
    CHECK(order.find(heading, before) != std::string::npos);
    before = order.find(heading, before);
  }
}

TEST_CASE("help fits the width, from 60 to 100 columns, and no word of it is lost") {
  const Manual manual = example();
  const std::string words = words_of(apps::help_page(manual, 100, false));
  for (const size_t width : {1, 60, 61, 72, 80, 99, 100, 1000}) {
    CAPTURE(width);
    const std::string page = apps::help_page(manual, width, false);
    size_t longest = 0;
    for (const std::string& line : lines_of(page)) {
      longest = std::max(longest, line.size());
      CHECK_FALSE(line.ends_with(' '));
      CHECK_FALSE(line.ends_with("Default:"));
    }
    CHECK(longest <= std::clamp<size_t>(width, 60, 100));
    CHECK(longest > std::clamp<size_t>(width, 60, 100) - 20);
    CHECK(words_of(page) == words);
    CHECK(has(page, "\n    --pad NUMBER|auto\n        Pixels.") == (width <= 61));
  }
  // A command that is too long is broken as a shell reads it.
  CHECK(has(apps::help_page(manual, 60, false),
            "  example --file some/file/with/a/long/name --model \\\n    resnet18 --"));
}

TEST_CASE(
    "on a terminal headings and flags are bold, what stands for something is underlined, and all else is the same") {
  const std::string plain = apps::help_page(example(), 80, false), styled = apps::help_page(example(), 80, true);
  CHECK(has(styled, "\033[1mOPTIONS\033[0m\n"));
  CHECK(has(styled, "    \033[1m--file\033[0m \033[4mFILE\033[0m           A file.\n"));
  CHECK_FALSE(has(plain, "\033"));
  std::string bare = styled;
  for (size_t at = 0; (at = bare.find("\033[")) != std::string::npos;) bare.erase(at, 4);  // such as ESC [ 1 m
  CHECK(bare == plain);
}

TEST_CASE("a manual page has the macros of man, and what roff would read as its own is escaped") {
  Manual manual = example();
  manual.description = ".dot\n'quote \\fB `x` ^ ~";
  const std::string page = apps::man_page(manual);
  for (const std::string part :
       {".TH EXAMPLE 1 ", ".SH NAME\nexample \\- is an example\n.SH SYNOPSIS\n",
        ".PP\n\\&.dot\n.PP\n\\(aqquote \\efB \\(gax\\(ga \\(ha \\(ti\n", ".SH OPTIONS\n.SS First ones\n.TP\n",
        "\\fB\\-c,\\fR \\fB\\-\\-count\\fR \\fINUMBER\\fR\nHow many;",
        ".SH SEE ALSO\n.TP\n\\fBother(1)\\fR\nanother one\n"}) {
    CAPTURE(part);
    CHECK(has(page, part));
  }
}
