#include <cstdio>

#include "apps/support/command_line.h"
#include "apps/support/report.h"
#include "engine/file.h"

/// Writes a page about a training run, or one that compares several.
int main(int argc, char** argv) {
  return apps::run_program("report", [&] {
    std::vector<std::string> runs;
    std::string output;
    apps::CommandLine line("report FOLDER...", "writes a page about a training run, or one that compares several",
                           "Tells what the files of a run folder hold: curves, confusion matrix, mixed images, "
                           "arguments and environment, also while the run goes on. The page needs no other file.");
    line.section("Examples",
                 {{"report output/run", "Writes output/run/report.html"},
                  {"report output/ce output/dm --output compare.html", "Compares two runs, and how they differ"}});
    line.section("See also", {{"train_cifar(1), train_tiny_imagenet(1), train_folder(1)", "write run folders"}});
    line.add_list("runs", runs, "Folders of runs")->check(apps::folder());
    line.add("--output", output,
             "File to write; one that exists is replaced; not given: report.html in the folder of one run")
        ->check(apps::file());
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
