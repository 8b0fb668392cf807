#pragma once

#include <sys/wait.h>

#include <cstdlib>
#include <stdexcept>
#include <string>

#include "tests/support/scratch.h"

namespace support {

/// How a program ended.
struct Outcome {
  int exit_code;
  std::string out, err;
};

/// Runs one of the programs in build/apps with a shell's arguments, in a folder; by another program where that is
/// given, such as "timeout 1".
inline Outcome run_program(const std::string& program, const std::string& arguments, const Scratch& scratch,
                           const std::string& by = "") {
  const std::string command = "cd '" + scratch.path.string() + "' && " + by + " '" DEMIX_APPS "/" + program + "' " +
                              arguments + " > out.txt 2> err.txt < /dev/null";
  const int status = std::system(command.c_str());
  if (!WIFEXITED(status)) throw std::runtime_error(program + " " + arguments + ": killed");
  return {WEXITSTATUS(status), content(scratch.path / "out.txt"), content(scratch.path / "err.txt")};
}

}  // namespace support
