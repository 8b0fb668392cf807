#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace apps {

/// A page of HTML that tells the story of a training run from the files of its folder, and needs nothing else: curves,
/// confusion matrix, pictures, arguments, environment, each where the folder has it. An Error as of read_run().
std::string report_page(const std::filesystem::path& run_folder);

/// A page that compares runs: a line for each in every chart, and a table of their figures and of the arguments that
/// differ.
std::string comparison_page(const std::vector<std::filesystem::path>& run_folders);

/// Writes report_page() as report.html into the folder.
void write_report(const std::filesystem::path& run_folder);

}  // namespace apps
