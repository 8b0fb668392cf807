#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "data/dataset.h"

namespace data {

/// The folder that a user gives, --data-dir; an Error where it is not a folder says what it has to hold.
std::filesystem::path given_folder(const std::string& dataset, const std::string& what,
                                   const std::filesystem::path& given);

/// The folder of a data set's files: `given`, or the one its archive unpacks to, `inner`, inside it. An Error where it
/// is not a folder.
std::filesystem::path find_folder(const std::string& dataset, const std::string& inner,
                                  const std::filesystem::path& given);

/// The lines of a text file without their ends, empty ones left out; an Error names the file and the reason.
std::vector<std::string> read_lines(const std::filesystem::path& path);

/// The names of the files in a folder, sorted; an Error names the folder and the reason.
std::vector<std::string> list_files(const std::filesystem::path& folder);

/// The words of a line, as spaces and tabs part them.
std::vector<std::string> words_of(const std::string& line);

/// Decodes image files of size x size pixels, on all threads, and appends them with their labels, in order. One that is
/// damaged or of another size is an Error, or, if they are to be skipped, a line in dataset.skipped.
void append_images(const std::vector<std::filesystem::path>& files, const std::vector<int>& labels, int64_t size,
                   bool skip_bad, Dataset& dataset);

/// Files of any size with their labels, seen as is customary for photographs: normalised by ImageNet's numbers, random
/// parts for training, the middle for testing. An Error where a file is not there or a class has none. Where damaged
/// files are to be skipped, all are decoded once to find them.
Dataset photographs(const std::string& name, std::vector<std::filesystem::path> files, std::vector<int> labels,
                    std::vector<std::string> classes, const DatasetOptions& options);

}  // namespace data
