#include "tests/support/trajectory.h"

#include <doctest/doctest.h>

#include <fstream>
#include <nlohmann/json.hpp>

using support::trajectories::trajectory;

TEST_CASE(
    "twenty steps of a ResNet-20 have the losses of PyTorch's, with cross entropy and with DM on CutMix batches") {
  const auto record = nlohmann::json::parse(std::ifstream(DEMIX_SOURCE_DIR "/tests/recorded/trajectory.json"));
  for (const bool mixed : {false, true}) {
    CAPTURE(mixed);
    const std::vector<double> losses = trajectory(mixed ? "dm" : "ce", mixed, engine::Device::cpu),
                              expected = record[mixed ? "dm_cutmix" : "ce"];
    REQUIRE(losses.size() == expected.size());
    for (size_t i = 0; i < losses.size(); ++i) {
      CAPTURE(i);
      CHECK(std::abs(losses[i] / expected[i] - 1) < 1e-4);
    }
  }
}
