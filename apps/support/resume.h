#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "apps/support/training_flags.h"
#include "apps/support/training_state.h"

namespace apps {

/// What --resume says to go on with: the folder of a run, or a state file to begin a new one from; empty where `auto`
/// finds nothing. Without --experiment it looks for the newest run in --output on one of the data sets.
std::filesystem::path path_to_resume(const TrainingFlags& flags, const std::vector<std::string>& datasets);

/// The flags that a run goes on with unless the command line says otherwise, as a command line; in a new folder
/// without the old one's name.
std::vector<std::string> recalled(const Origin& origin, bool same_folder);

/// An Error where a run would go on in another way than it began: with flags that matter or on other data, or where its
/// folder's args.yaml is that of another run. A note on stderr where the program or the processor is another one.
void require_same(const std::filesystem::path& resumed, const Origin& before, const Origin& now);

}  // namespace apps
