#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "apps/support/chart.h"
#include "apps/support/confusion.h"

namespace apps {

/// Names and what is told about them, in order.
using Facts = std::vector<std::pair<std::string, std::string>>;

/// What the files of a run folder tell about a training run. All but the summary may be absent.
struct RunRecord {
  std::filesystem::path folder;
  int64_t epochs = 0;                         // rows of summary.csv
  std::map<std::string, Points> summary;      // of each column: epoch and value, where one was measured
  std::string trouble;                        // the first value of the summary that is no finite number
  Points loss, lr, speed;                     // of metrics.jsonl: step and training loss, or images a second
  Facts arguments, environment;               // of args.yaml and env.json
  std::optional<Confusion> confusion;         // of confusion.csv
  std::vector<std::filesystem::path> images;  // images/*.png, sorted

  /// The points of a column, or none.
  Points column(const std::string& name) const;
  /// The value of an argument, or nothing.
  std::string argument(const std::string& name) const;
  /// The folder's name, as it is now.
  std::string name() const;
};

/// Reads a run folder. An Error names the file and line that is wrong, or says that there is no summary.csv. Of
/// metrics.jsonl a last line that was not written to its end is left out.
RunRecord read_run(const std::filesystem::path& folder);

}  // namespace apps
