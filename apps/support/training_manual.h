#pragma once

#include <string>
#include <vector>

#include "apps/support/command_line.h"

namespace apps {

/// What the manuals of all training programs say: what they do, what they write, how they end.
std::string training_description();
void add_training_sections(CommandLine& line, const std::vector<Entry>& examples);

}  // namespace apps
