#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>

#include <cstdio>
#include <cstring>

#include "engine/device.h"
#include "engine/error.h"

// Where there is no GPU, not even a simulated one, every test says so and counts as skipped.
int main(int argc, char** argv) {
  const auto lists = [](const char* flag) { return std::strncmp(flag, "--list", 6) == 0; };
  if (std::none_of(argv, argv + argc, lists)) {
    try {
      engine::require_device(engine::Device::cuda);
    } catch (const engine::Error& error) {
      std::printf("skipped: %s\n", error.what());
      return 77;
    }
  }
  return doctest::Context(argc, argv).run();
}
