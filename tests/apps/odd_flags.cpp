#include "apps/support/command_line.h"

/// A program whose manual is full of characters that mean something to shells and to roff.
int main(int argc, char** argv) {
  return apps::run_program("odd_flags", [&] {
    std::string name = "a", list = "a", file = "a.txt";
    std::vector<std::string> folders;
    bool dots = false;
    apps::CommandLine line("odd_flags FOLDER...", "has it's \"odd\" texts", ".starts with a dot\n'and with a quote");
    line.add_list("folders", folders, "Some")->check(apps::folder());
    line.add("--name", name, "It's a \"test\": [in] brackets, `id`, $HOME, $(id), 100 % {x,y} <b> ~ * ? ! & | ; # \\n")
        ->check(apps::one_of("name", {"alpha", "beta"}));
    line.add("-l,--list", list, "'quoted'")->check(apps::list_of({"alpha", "beta"}, [](const std::string&) {
      return "";
    }));
    line.add("--file", file, ".dots \\fB first")->check(apps::file());
    line.add_switch("--dots,!--no-dots", dots, "'.TP ends with a backslash\\");
    line.section("Examples", {{"odd_flags 'a b' \"$HOME\" \\", ".dots"}, {"", ".PP"}});
    line.parse(argc, argv);
  });
}
