#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace engine {

/// A file descriptor that closes itself; a negative number is none.
struct Descriptor {
  int number;

  explicit Descriptor(int opened) : number(opened) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor();
};

/// The whole file; an Error names the path and the reason, such as more bytes than are wanted at most.
std::string read_file(const std::filesystem::path& path, size_t most = std::string().max_size());

/// An Error where a file of that name could not be written.
void require_writable(const std::filesystem::path& path);

/// A file that grows by lines or records. What is appended is with the operating system when the call returns, by one
/// write where the disk allows. An Error names the path and the reason, and is repeated by every later call: nothing
/// follows what was cut off.
class GrowingFile {
 public:
  /// One of that name is continued.
  explicit GrowingFile(const std::filesystem::path& path);

  void append(std::string_view bytes);
  const std::filesystem::path& path() const { return path_; }

 private:
  void require_good() const;

  std::filesystem::path path_;
  Descriptor file_;
  int error_;  // errno of the first failure, or 0
};

/// Writes a file that appears complete or not at all, even if the power fails: temporary file beside it, fsync, rename,
/// fsync of the folder. An older file of that name stays until then; of two processes that write it at once each one
/// does so in turn. An Error names the path and the reason.
void write_file(const std::filesystem::path& path, std::string_view bytes);

}  // namespace engine
