#pragma once

#include <nlohmann/json.hpp>

#include "data/dataset.h"
#include "engine/device.h"

namespace apps {

/// What a run's result could depend on besides its arguments: revision, compiler, processor, GPU, threads, libraries,
/// and a SHA-256 of each part of the data set: of pixels and labels, or of the files' names and labels.
nlohmann::ordered_json environment(engine::Device device, const data::Dataset& train_set,
                                   const data::Dataset& test_set);

}  // namespace apps
