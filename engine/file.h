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

/// The whole file; an Error names the path and the reason.
std::string read_file(const std::filesystem::path& path);

/// Writes a file that appears complete or not at all, even if the power fails: temporary file beside it, fsync, rename.
/// An older file of that name stays until then. An Error names the path and the reason.
void write_file(const std::filesystem::path& path, std::string_view bytes);

}  // namespace engine
