#pragma once

#include <sys/wait.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>

namespace support {

/// How a program ended.
struct Outcome {
  int exit_code;
  std::string out, err;
};

/// A folder of its own for one test, removed at its end.
struct Scratch {
  std::filesystem::path path;
  explicit Scratch(const std::string& name) : path(std::filesystem::temp_directory_path() / ("demix-" + name)) {
    std::filesystem::remove_all(path);
    std::filesystem::create_directories(path);
  }
  ~Scratch() { std::filesystem::remove_all(path); }
};

inline std::string content(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

/// Runs one of the programs in build/apps with a shell's arguments, in a folder.
inline Outcome run_program(const std::string& program, const std::string& arguments, const Scratch& scratch) {
  const std::string command = "cd '" + scratch.path.string() + "' && '" DEMIX_APPS "/" + program + "' " + arguments +
                              " > out.txt 2> err.txt < /dev/null";
  const int status = std::system(command.c_str());
  if (!WIFEXITED(status)) throw std::runtime_error(program + " " + arguments + ": killed");
  return {WEXITSTATUS(status), content(scratch.path / "out.txt"), content(scratch.path / "err.txt")};
}

}  // namespace support
