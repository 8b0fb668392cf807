#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "data/dataset.h"

/// Data sets whose images are files of their own.
namespace data {

/// Decodes image files of size x size pixels, on all threads, and appends them with their labels, in order. One that is
/// damaged or of another size is an Error, or, if they are to be skipped, a line in dataset.skipped.
void append_images(const std::vector<std::filesystem::path>& files, const std::vector<int>& labels, int64_t size,
                   bool skip_bad, Dataset& dataset);

/// Files of any size with their labels, seen as is customary for photographs: normalised by ImageNet's numbers, random
/// parts for training, the middle for testing. An Error where a file is not there. Where damaged files are to be
/// skipped, all are decoded once to find them.
Dataset photographs(const std::string& name, std::vector<std::filesystem::path> files, std::vector<int> labels,
                    std::vector<std::string> classes, const DatasetOptions& options);

}  // namespace data
