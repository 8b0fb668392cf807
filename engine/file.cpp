#include "engine/file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "engine/error.h"

namespace engine {
namespace {

/// False, with errno, where not all could be written.
bool write_all(int descriptor, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(descriptor, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    bytes.remove_prefix(static_cast<size_t>(written));
  }
  return true;
}

/// The same where a folder's names could not be brought to the disk. Some file systems have no such call, which is no
/// failure.
bool sync_folder(const std::filesystem::path& folder) {
  const Descriptor directory{::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (directory.number < 0) return errno == EACCES;  // may be written to, but not read
  return ::fsync(directory.number) == 0 || errno == EINVAL || errno == ENOTSUP;
}

/// A file to be written that no other process writes as long as it is open; a negative number where it cannot be had.
/// It waits for who has it, whose file has another name then, and on a file system without locks it does not.
int open_alone(const std::filesystem::path& path) {
  for (;;) {
    const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    if (file < 0) return file;
    struct stat mine {};
    struct stat there {};
    while (::flock(file, LOCK_EX) != 0 && errno == EINTR) continue;
    ::fstat(file, &mine);
    if (::stat(path.c_str(), &there) == 0 && mine.st_ino == there.st_ino && mine.st_dev == there.st_dev) return file;
    ::close(file);
  }
}

}  // namespace

Descriptor::~Descriptor() {
  if (number >= 0) ::close(number);
}

std::string read_file(const std::filesystem::path& path, size_t most) {
  const Descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};  // a pipe is refused, not waited for
  struct stat about {};
  ENSURE(file.number >= 0 && ::fstat(file.number, &about) == 0, path.string(), ": ", std::strerror(errno));
  ENSURE(S_ISREG(about.st_mode), path.string(), ": ", S_ISDIR(about.st_mode) ? "is a folder" : "is not a regular file");
  const auto bytes = static_cast<size_t>(about.st_size);
  ENSURE(bytes <= most, path.string(), ": ", bytes, " bytes are more than ", most);
  std::string content(bytes, '\0');
  for (size_t done = 0; done < bytes;) {
    const ssize_t read = ::read(file.number, content.data() + done, bytes - done);
    if (read < 0 && errno == EINTR) continue;
    ENSURE(read > 0, path.string(), ": cannot be read: ", read < 0 ? std::strerror(errno) : "it became shorter");
    done += static_cast<size_t>(read);
  }
  return content;
}

void require_writable(const std::filesystem::path& path) {
  std::error_code error;
  const std::filesystem::path folder = path.has_parent_path() ? path.parent_path() : ".";
  ENSURE(!std::filesystem::is_directory(path, error), path.string(), ": cannot be written: it is a folder");
  ENSURE(::access(folder.c_str(), W_OK) == 0, path.string(), ": cannot be written: ", std::strerror(errno));
}

GrowingFile::GrowingFile(const std::filesystem::path& path)
    : path_(path),
      file_(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666)),
      error_(file_.number < 0 ? errno : 0) {
  require_good();
}

void GrowingFile::append(std::string_view bytes) {
  if (error_ == 0 && !write_all(file_.number, bytes)) error_ = errno;
  require_good();
}

void GrowingFile::require_good() const {
  ENSURE(error_ == 0, path_.string(), ": cannot be written: ", std::strerror(error_));
}

void write_file(const std::filesystem::path& path, std::string_view bytes) {
  const std::filesystem::path temporary = path.string() + ".tmp",
                              folder = path.has_parent_path() ? path.parent_path() : ".";
  const auto check = [&](bool good) {
    if (good) return;
    const std::string reason = std::strerror(errno);
    ::unlink(temporary.c_str());
    fail(path.string(), ": cannot be written: ", reason);
  };
  const int opened = open_alone(temporary);
  ENSURE(opened >= 0, path.string(), ": cannot be written: ", std::strerror(errno));
  const Descriptor file{opened};
  check(::ftruncate(file.number, 0) == 0);  // what was left by one that was killed
  check(write_all(file.number, bytes));
  check(::fsync(file.number) == 0);
  check(::rename(temporary.c_str(), path.c_str()) == 0);
  ENSURE(sync_folder(folder), path.string(), ": cannot be written: ", std::strerror(errno));
}

}  // namespace engine
