#include <algorithm>
#include <array>
#include <cstdio>
#include <iostream>
#include <nlohmann/json.hpp>

#include "apps/support/data_flags.h"
#include "apps/support/format.h"
#include "data/checksum.h"
#include "data/files.h"
#include "data/published.h"
#include "engine/names.h"
#include "engine/parallel.h"

namespace {

using apps::DataFlags;
using data::Split;
using nlohmann::ordered_json;

const char* name_of(Split split) { return split == Split::train ? "train" : "test"; }

/// The least, middle and greatest of some numbers.
std::array<int64_t, 3> spread(std::vector<int64_t> values) {
  std::sort(values.begin(), values.end());
  return {values.front(), values[values.size() / 2], values.back()};
}

std::string spread_text(const std::array<int64_t, 3>& s) {
  return s[0] == s[2] ? engine::text(s[0]) : engine::text(s[0], " / ", s[1], " / ", s[2]);
}

/// What is found out about one part of a data set.
struct Findings {
  Split split;
  int64_t images = 0, classes = 0;
  std::array<int64_t, 3> per_class{}, heights{}, widths{};
  std::vector<std::string> errors;   // that make it unusable
  std::vector<std::string> damaged;  // images that cannot be read
  std::vector<std::string> remarks;  // that do not
};

/// Compares with what the publisher ships.
void compare(const DataFlags& flags, Findings& f) {
  const data::Published* known = data::published(flags.dataset);
  if (!known) return;
  const int64_t expected = f.split == Split::train ? known->train : known->test;
  if (f.images != expected) f.remarks.push_back(engine::text(f.images, " images, and ", expected, " were published"));
  const std::filesystem::path folder = data::find_folder(flags.dataset, known->folder, flags.folder);
  for (const data::PublishedFile& file : known->files) {
    if (file.split != f.split) continue;
    const std::string sum = data::checksum(folder / file.name, "md5");
    if (sum == file.md5) continue;
    f.remarks.push_back(file.name + " is not the published file: its MD5 is " + sum + ", not " + file.md5);
  }
}

Findings inspect(const DataFlags& flags, Split split) {
  Findings f;
  f.split = split;
  data::Dataset set;
  try {
    set = load(flags, split);
  } catch (const apps::UsageError&) {
    throw;
  } catch (const engine::Error& error) {
    f.errors.push_back(error.what());
    return f;
  }
  f.images = set.count();
  f.classes = static_cast<int64_t>(set.classes.size());
  f.damaged = set.skipped;
  std::vector<int64_t> counts(set.classes.size());
  for (const int label : set.labels) ++counts[static_cast<size_t>(label)];
  f.per_class = spread(counts);
  std::vector<int64_t> heights(set.labels.size(), set.size), widths = heights;
  for (size_t i = 0; i < set.sizes.size(); ++i) heights[i] = set.sizes[i][0], widths[i] = set.sizes[i][1];
  f.heights = spread(heights);
  f.widths = spread(widths);
  compare(flags, f);
  return f;
}

ordered_json json_of(const Findings& f) {
  return {{"split", name_of(f.split)}, {"images", f.images},   {"classes", f.classes},
          {"per_class", f.per_class},  {"heights", f.heights}, {"widths", f.widths},
          {"errors", f.errors},        {"damaged", f.damaged}, {"remarks", f.remarks}};
}

void print(const char* kind, const Findings& f, const std::vector<std::string>& lines) {
  constexpr size_t most = 20;
  for (size_t i = 0; i < std::min(lines.size(), most); ++i) {
    std::printf("%s: %s: %s\n", name_of(f.split), kind, lines[i].c_str());
  }
  if (lines.size() > most) std::printf("%s: ... and %zu more\n", name_of(f.split), lines.size() - most);
}

}  // namespace

/// Reads a whole data set and tells what is in it; exit code 1 where it cannot be trained on.
int main(int argc, char** argv) {
  bool usable = true;
  const int code = apps::run_program("check_dataset", [&] {
    DataFlags flags;
    flags.dataset = "";
    bool json = false;
    int threads = 0;
    apps::CommandLine line(
        "check_dataset --dataset NAME", "tells what is in a data set, and whether it can be trained on",
        "Reads every image and tells how many there are of each class, of which sizes, which cannot be read, and "
        "whether the files are those that were published. Damaged images make a data set unusable but for "
        "--bad-images skip.");
    line.section("Examples", {{"check_dataset --dataset tiny-imagenet --data-dir data --download", "Downloads first"},
                              {"check_dataset --dataset folder --data-dir pictures --json", "For other programs"}});
    line.section(
        "Exit status",
        {{"0", "The data set can be trained on"}, {"1", "It cannot, or there was an error"}, {"2", "Wrong use"}});
    line.section("See also", {{"train_cifar(1), train_tiny_imagenet(1), train_folder(1)", "train on it"}});
    line.group("Data");
    apps::add_data_flags(line, flags, engine::names_of(data::datasets()));
    line.group("Output");
    line.add_switch("--json", json, "Print the findings as JSON");
    line.group("Machine");
    line.add("--threads", threads, "Threads; 0: all cores")->check(apps::between(0, 1024));
    if (!line.parse(argc, argv)) return;
    if (flags.dataset.empty()) throw apps::UsageError("--dataset is needed: which data set to check");
    engine::set_threads(threads == 0 ? engine::threads() : threads);
    const bool skip = flags.options.skip_bad_images;
    flags.options.skip_bad_images = true;  // to find all of them

    ordered_json object{{"dataset", flags.dataset}, {"usable", true}, {"splits", ordered_json::array()}};
    if (!json) {
      std::printf("%-6s %9s %8s  %-22s %-22s %-22s\n", "split", "images", "classes", "per class", "height", "width");
    }
    std::vector<Findings> all;
    for (const Split split : {Split::train, Split::test}) {
      const Findings f = inspect(flags, split);
      usable = usable && f.errors.empty() && (skip || f.damaged.empty());
      object["splits"].push_back(json_of(f));
      if (!json) {
        std::printf("%-6s %9ld %8ld  %-22s %-22s %-22s\n", name_of(split), f.images, f.classes,
                    spread_text(f.per_class).c_str(), spread_text(f.heights).c_str(), spread_text(f.widths).c_str());
      }
      all.push_back(f);
    }
    object["usable"] = usable;
    if (json) {
      std::cout << apps::json_text(object) << '\n';
      return;
    }
    std::printf("(three numbers: least, median, greatest)\n\n");
    for (const Findings& f : all) {
      print("error", f, f.errors);
      print("damaged", f, f.damaged);
      print("remark", f, f.remarks);
    }
    std::printf("%s: %s\n", flags.dataset.c_str(), usable ? "can be trained on" : "cannot be trained on as it is");
  });
  return code != 0 ? code : usable ? 0 : 1;
}
