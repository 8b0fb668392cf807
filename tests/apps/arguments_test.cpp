#include "apps/support/arguments.h"

#include <doctest/doctest.h>

#include "engine/file.h"
#include "tests/support/scratch.h"

TEST_CASE("what an args.yaml is given it gives back, whatever signs are in it") {
  const support::Scratch scratch("arguments");
  apps::Arguments given{{"lr", "0.1", false}, {"weight-decay", "1e-05", false}, {"nesterov", "true", false}};
  for (const char* text : {"",      " ",    "plain", "it's", "\"",  "a: b", "# no comment",
                           "null",  "~",    "yes",   "1e3",  "é ü", "\\n",  "two\nlines\n",
                           "\ttab", "\x01", "- a",   "{a",   "[",   "&a",   "*a",
                           "!a",    "%",    "@",     "`",    "---"}) {
    given.push_back({"data-dir", text, true});
  }
  engine::write_file(scratch.path / "args.yaml", apps::yaml_of(given));
  const apps::Arguments read = apps::read_arguments(scratch.path / "args.yaml");
  REQUIRE(read.size() == given.size());
  for (size_t i = 0; i < given.size(); ++i) {
    CHECK(read[i].name == given[i].name);
    CHECK(read[i].is_text == given[i].is_text);
    CHECK(read[i].value == (i == 1 ? "1.0e-05" : given[i].value));
  }
}
