#pragma once

#include <filesystem>
#include <string>
#include <vector>

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

/// The names of the files, or of the folders, in a folder, sorted, without those that begin with a dot. An Error names
/// the folder and the reason.
std::vector<std::string> list_files(const std::filesystem::path& folder);
std::vector<std::string> list_folders(const std::filesystem::path& folder);

/// The words of a line, as spaces and tabs part them.
std::vector<std::string> words_of(const std::string& line);

}  // namespace data
