#include <cstdio>

#include "apps/support/command_line.h"
#include "apps/support/report.h"
#include "engine/file.h"

/// Writes a page about a training run, or one that compares several.
int main(int argc, char** argv) {
  return apps::run_program("report", [&] {
    std::vector<std::string> runs;
    std::string output;
    apps::CommandLine line("report",
                           "Writes a page that tells about a training run, from the files of its folder. Of several "
                           "runs it compares them.\n"
                           "Example: report output/run\n"
                           "         report output/ce output/dm --output compare.html");
    line.add_list("runs", runs, "Folders of runs");
    line.add("--output", output, "File to write; one that exists is replaced [report.html in the folder of one run]")
        ->check(apps::not_empty());
    if (!line.parse(argc, argv)) return;
    if (output.empty()) {
      if (runs.size() > 1) throw apps::UsageError("--output is needed: the page that compares the runs");
      output = (std::filesystem::path(runs[0]) / "report.html").string();
    }
    engine::write_file(
        output, runs.size() == 1 ? apps::report_page(runs[0]) : apps::comparison_page({runs.begin(), runs.end()}));
    std::printf("wrote %s\n", output.c_str());
  });
}
