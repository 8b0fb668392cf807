#pragma once

#include <string>
#include <vector>

namespace support {

/// A member of an archive: a file with that content, or something else: 'd' a folder, 'l' a symbolic link to the
/// content, 'h' a hard link to it, 'p' a pipe, 'c' a device.
struct ArchiveMember {
  std::string name, content;
  char type = 'f';
};

enum class Format { tar, tar_gz, zip };

/// The bytes of an archive, without any check of what it holds.
std::string make_archive(Format format, const std::vector<ArchiveMember>& members);

/// Bytes that do not shrink in an archive, always the same.
std::string noise(size_t bytes);

}  // namespace support
