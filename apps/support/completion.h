#pragma once

#include <string>

#include "apps/support/manual.h"

namespace apps {

/// A script that makes bash, zsh or fish complete the program's flags and what they take: names that are known, and
/// files and folders. It is to be evaluated, or installed where the shell looks for such files.
std::string completion_script(const Manual& manual, const std::string& shell);

}  // namespace apps
