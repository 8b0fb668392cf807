#pragma once

#include <filesystem>
#include <string>

#include "apps/support/extremes.h"
#include "mixup/policies.h"
#include "nn/module.h"

namespace apps {

/// Writes mixed.png into a folder, which is made where it is not there: up to eight training images, their partners,
/// and what the policy makes of them in the draw of 32 that shows most of both.
void write_mixed_sheet(const data::Dataset& train_set, const mixup::Policy& policy, uint64_t seed,
                       const std::string& title, const std::filesystem::path& folder);

/// Writes what a trained network sees as pictures into a folder, which is made where it is not there: cam.png, up to
/// eight test images mixed by the policy, the same at every call, with the heat of either class (where nothing is
/// mixed: of the true class and of the best guess), and best.png and worst.png, of what evaluate() showed `extremes`.
/// The title begins with `title`. A picture for which there is nothing to show is left out, and an older one removed.
void write_gallery(nn::Network& network, const data::Dataset& test_set, const mixup::Policy& policy,
                   const Extremes& extremes, const std::string& title, const std::filesystem::path& folder);

}  // namespace apps
