#include "engine/file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>

#include "engine/error.h"

namespace engine {

Descriptor::~Descriptor() {
  if (number >= 0) ::close(number);
}

std::string read_file(const std::filesystem::path& path) {
  std::error_code error;
  const auto bytes = std::filesystem::file_size(path, error);
  ENSURE(!error, path.string(), ": ", error.message());
  std::string content(bytes, '\0');
  std::ifstream in(path, std::ios::binary);
  in.read(content.data(), static_cast<std::streamsize>(bytes));
  ENSURE(in, path.string(), ": cannot be read: ", std::strerror(errno));
  return content;
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
  {
    const Descriptor file{::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666)};
    check(file.number >= 0);
    while (!bytes.empty()) {
      const ssize_t written = ::write(file.number, bytes.data(), bytes.size());
      if (written < 0 && errno == EINTR) continue;
      check(written > 0);
      bytes.remove_prefix(static_cast<size_t>(written));
    }
    check(::fsync(file.number) == 0);
  }
  check(::rename(temporary.c_str(), path.c_str()) == 0);
  const Descriptor directory{::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (directory.number >= 0) ::fsync(directory.number);
}

}  // namespace engine
