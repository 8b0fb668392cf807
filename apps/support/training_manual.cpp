#include "apps/support/training_manual.h"

namespace apps {

std::string training_description() {
  return "Makes a run folder, trains a network on mixed samples, and tests it after every epoch. A run that is "
         "stopped, by Ctrl-C, a crash or a power cut, goes on from its last state with --resume, to the very same "
         "bits.\n"
         "Flags have timm's names, with - or _; the last of two equal ones counts. The same seed gives the same bits, "
         "whatever the number of threads.";
}

void add_training_sections(CommandLine& line, const std::vector<Entry>& examples) {
  std::vector<Entry> all = examples;
  const std::string program = examples[0].term.substr(0, examples[0].term.find(' '));
  all.push_back({program + " --resume output/RUN", "Goes on with a run that was stopped"});
  line.section("Examples", std::move(all));
  line.section("Files", {{"", "In the run folder, --output/--experiment, which is never overwritten:"},
                         {"args.yaml", "Every flag and its value; -c args.yaml repeats the run"},
                         {"summary.csv", "A row an epoch: losses, accuracies, learning rate"},
                         {"metrics.jsonl", "Loss and speed every --log-interval steps"},
                         {"events.out.tfevents.*", "The same for TensorBoard"},
                         {"last.safetensors", "The weights; last.ema.safetensors: their average"},
                         {"model_best.safetensors",
                          "Those of the best epoch; checkpoint-*: of the best few; *.state: to go on from"},
                         {"last.state.safetensors", "What it takes to go on; previous.state.*: the one before"},
                         {"confusion.csv", "The confusion matrix of the last epoch"},
                         {"env.json", "Revision, compiler, processor, libraries, checksum of the data"},
                         {"report.html", "The run as one page"},
                         {"images/", "Images before and after mixing, best, worst, and where the network looks"}});
  line.section("Exit status", {{"0", "All went well"},
                               {"1", "An error"},
                               {"2", "Wrong use"},
                               {"129, 130, 143", "Stopped by SIGHUP, SIGINT or SIGTERM, after the run was saved"}});
  line.section("See also", {{"check_dataset(1)", "tells what is in a data set"},
                            {"mixes(1)", "draws what policies do"},
                            {"validate(1)", "tests what was trained"},
                            {"report(1)", "draws a run, or compares several"}});
}

}  // namespace apps
