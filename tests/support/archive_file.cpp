#include "tests/support/archive_file.h"

#include <archive.h>
#include <archive_entry.h>

#include <map>
#include <random>
#include <stdexcept>

namespace support {
namespace {

la_ssize_t append(archive*, void* bytes, const void* more, size_t count) {
  static_cast<std::string*>(bytes)->append(static_cast<const char*>(more), count);
  return static_cast<la_ssize_t>(count);
}

}  // namespace

std::string make_archive(Format format, const std::vector<ArchiveMember>& members) {
  std::string bytes;
  archive* writer = archive_write_new();
  const auto check = [&](la_ssize_t result) {
    if (result < 0) throw std::runtime_error(archive_error_string(writer));
  };
  if (format == Format::zip) {
    check(archive_write_set_format_zip(writer));
  } else {
    check(archive_write_set_format_pax_restricted(writer));
    if (format == Format::tar_gz) check(archive_write_add_filter_gzip(writer));
  }
  check(archive_write_set_bytes_in_last_block(writer, 1));  // no padding
  check(archive_write_open(writer, &bytes, nullptr, append, nullptr));
  for (const ArchiveMember& member : members) {
    archive_entry* entry = archive_entry_new();
    archive_entry_set_pathname(entry, member.name.c_str());
    archive_entry_set_perm(entry, 0644);
    const std::map<char, unsigned> types{{'d', AE_IFDIR}, {'l', AE_IFLNK}, {'p', AE_IFIFO}, {'c', AE_IFCHR}};
    archive_entry_set_filetype(entry, types.contains(member.type) ? types.at(member.type) : AE_IFREG);
    if (member.type == 'l') archive_entry_set_symlink(entry, member.content.c_str());
    if (member.type == 'h') archive_entry_set_hardlink(entry, member.content.c_str());
    const size_t size = member.type == 'f' ? member.content.size() : 0;
    archive_entry_set_size(entry, static_cast<la_int64_t>(size));
    check(archive_write_header(writer, entry));
    if (size > 0) check(archive_write_data(writer, member.content.data(), size));
    archive_entry_free(entry);
  }
  check(archive_write_close(writer));
  archive_write_free(writer);
  return bytes;
}

std::string noise(size_t bytes) {
  std::mt19937 random(1);
  std::string text(bytes, '\0');
  for (char& byte : text) byte = static_cast<char>(random());
  return text;
}

}  // namespace support
