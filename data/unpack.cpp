#include "data/unpack.h"

#include <archive.h>
#include <archive_entry.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <memory>

#include "engine/error.h"

// libarchive only reads here. Writing stays in this file, so that nothing but plain files, under names checked here,
// can come out of an archive: no link to follow, no device, no mode or owner.
namespace data {
namespace {

namespace fs = std::filesystem;

using Reader = std::unique_ptr<archive, int (*)(archive*)>;

std::string reason(const Reader& reader) {
  const char* text = archive_error_string(reader.get());
  return text ? text : "it is damaged";
}

/// The path of a member below the archive's folder, without "." parts; "." for the folder itself.
fs::path path_inside(const std::string& folder, const fs::path& name, const std::string& what) {
  ENSURE(name.is_relative() && std::find(name.begin(), name.end(), "..") == name.end(), what, " lies outside ", folder);
  const fs::path inside = name.lexically_normal().lexically_relative(folder);
  ENSURE(*inside.begin() != "..", what, " lies outside ", folder);
  return inside;
}

class Unpacker {
 public:
  Unpacker(const fs::path& file, const Contents& contents, const fs::path& to)
      : file_(file.string()), contents_(contents), to_(to), reader_(archive_read_new(), archive_read_free) {
    ENSURE(reader_, file_, ": no memory to read it");
    archive_read_support_filter_gzip(reader_.get());
    archive_read_support_format_tar(reader_.get());
    archive_read_support_format_zip(reader_.get());
    ENSURE(archive_read_open_filename(reader_.get(), file.c_str(), buffer_.size()) == ARCHIVE_OK, file_, ": ",
           reason(reader_));
  }

  void run() {
    archive_entry* entry = nullptr;
    int64_t entries = 0;
    for (int result; (result = archive_read_next_header(reader_.get(), &entry)) != ARCHIVE_EOF;) {
      ENSURE(result == ARCHIVE_OK || result == ARCHIVE_WARN, file_, ": ", reason(reader_));
      ENSURE(++entries <= contents_.entries, file_, ": has more than ", contents_.entries, " members");
      take(entry);
    }
    for (const Member& member : contents_.members) {
      std::error_code error;
      ENSURE(fs::exists(to_ / member.name, error), file_, ": member '", member.name, "' is missing");
    }
  }

 private:
  void take(archive_entry* entry) {
    const char* name = archive_entry_pathname(entry);
    ENSURE(name, file_, ": has a member whose name cannot be read");
    const std::string what = engine::text(file_, ": member '", name, "'");
    const fs::path inside = path_inside(contents_.folder, name, what);
    const auto type = archive_entry_filetype(entry);
    const bool hard_link = archive_entry_hardlink(entry);  // one that has bytes counts as a file
    ENSURE(!hard_link && (type == AE_IFREG || type == AE_IFDIR), what, " is neither a file nor a folder");
    if (type == AE_IFDIR) return;  // made where a file needs it

    std::optional<int64_t> bytes;
    if (!contents_.members.empty()) {
      const auto known = std::find_if(contents_.members.begin(), contents_.members.end(),
                                      [&](const Member& member) { return member.name == inside; });
      if (known == contents_.members.end()) return;
      bytes = known->bytes;
    }
    write(to_ / inside, bytes, what);
  }

  /// Counts what really comes out: the sizes in an archive's headers can lie.
  void write(const fs::path& path, std::optional<int64_t> bytes, const std::string& what) {
    std::error_code error;
    fs::create_directories(path.parent_path(), error);
    ENSURE(!error, what, ": ", error.message());
    ENSURE(!fs::exists(path, error), what, " appears twice");
    std::ofstream out(path, std::ios::binary);
    const int64_t limit = bytes.value_or(contents_.member_bytes);
    int64_t written = 0;
    la_ssize_t count = 0;
    while (out && (count = archive_read_data(reader_.get(), buffer_.data(), buffer_.size())) > 0) {
      written += count, total_ += count;
      ENSURE(written <= limit, what, " has more than ", limit, " bytes");
      ENSURE(total_ <= contents_.bytes, what, ": more than ", contents_.bytes, " bytes in all");
      out.write(buffer_.data(), count);
    }
    ENSURE(count >= 0, what, ": ", reason(reader_));
    out.close();
    ENSURE(out, path.string(), ": cannot be written: ", std::strerror(errno));
    ENSURE(written == bytes.value_or(written), what, " has ", written, " bytes, not ", limit);
  }

  const std::string file_;
  const Contents& contents_;
  const fs::path& to_;
  std::vector<char> buffer_ = std::vector<char>(size_t{1} << 16);
  Reader reader_;
  int64_t total_ = 0;
};

}  // namespace

void unpack(const fs::path& archive, const Contents& contents, const fs::path& to) {
  std::error_code error;
  fs::remove_all(to, error);
  ENSURE(fs::create_directories(to, error), to.string(), ": cannot be made anew: ", error.message());
  try {
    Unpacker(archive, contents, to).run();
  } catch (...) {
    fs::remove_all(to, error);
    throw;
  }
}

}  // namespace data
