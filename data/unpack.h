#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace data {

/// A file in an archive: its name below the archive's folder, and its size where that is known.
struct Member {
  std::string name;
  std::optional<int64_t> bytes = {};
};

/// What an archive holds, and how much of it is accepted at most.
struct Contents {
  std::string folder;                        // that everything lies in
  std::vector<Member> members = {};          // the files to unpack, all of them needed; none: whatever files there are
  std::string first = {};                    // a file that is there where the others are, if they are not known
  int64_t entries = 200000;                  // in the archive
  int64_t bytes = int64_t{1} << 30;          // of all unpacked files together
  int64_t member_bytes = int64_t{16} << 20;  // of one file whose size is not known
};

/// Unpacks a .tar.gz or .zip file that may be hostile: what lay in its folder is then in `to`, a folder that is made
/// anew. Files that are not among the members are left out. An Error names the member, and leaves no folder: one that
/// lies outside the archive's folder, is neither a file nor a folder, appears twice, is missing, or is of the wrong
/// size.
void unpack(const std::filesystem::path& archive, const Contents& contents, const std::filesystem::path& to);

}  // namespace data
