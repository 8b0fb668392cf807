#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "data/dataset.h"

namespace data {

/// The folder of a data set's files: `given`, or the one its archive unpacks to, `inner`, inside it. An Error where it
/// is not a folder.
std::filesystem::path find_folder(const std::string& dataset, const std::string& inner,
                                  const std::filesystem::path& given);

/// The lines of a text file without their ends, empty ones left out; an Error names the file and the reason.
std::vector<std::string> read_lines(const std::filesystem::path& path);

/// The names of the files in a folder, sorted; an Error names the folder and the reason.
std::vector<std::string> list_files(const std::filesystem::path& folder);

/// Decodes image files of size x size pixels, on all threads, and appends them with their labels, in order. One that is
/// damaged or of another size is an Error, or, if they are to be skipped, a line in dataset.skipped.
void append_images(const std::vector<std::filesystem::path>& files, const std::vector<int>& labels, int64_t size,
                   bool skip_bad, Dataset& dataset);

}  // namespace data
