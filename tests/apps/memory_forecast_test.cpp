#include "apps/support/memory_forecast.h"

#include <doctest/doctest.h>

#include <fstream>
#include <limits>

#include "tests/support/scratch.h"

namespace fs = std::filesystem;

namespace {

/// The files of a control group, by the names of its version.
void write_group(const fs::path& folder, int version, const std::string& most, int64_t used, int64_t unneeded) {
  fs::create_directories(folder);
  std::ofstream(folder / (version == 2 ? "memory.max" : "memory.limit_in_bytes")) << most << "\n";
  std::ofstream(folder / (version == 2 ? "memory.current" : "memory.usage_in_bytes")) << used << "\n";
  std::ofstream(folder / "memory.stat") << "anon 7\ninactive_anon 9\n"
                                        << (version == 2 ? "" : "total_") << "inactive_file " << unneeded << "\n";
}

}  // namespace

TEST_CASE("what control groups leave is what the tightest one on the way to the root leaves") {
  const support::Scratch scratch("groups");
  const fs::path groups = scratch.path / "groups", process = scratch.path / "process";
  const auto left = [&] { return apps::memory_left_by_groups(groups, process); };
  const int64_t all = std::numeric_limits<int64_t>::max();
  CHECK(left() == all);
  std::ofstream(process) << "12:pids:/a\n4:memory:/a/b\n0::/c/d\n";
  CHECK(left() == all);

  write_group(groups / "c" / "d", 2, "max", 1000, 0);
  CHECK(left() == all);
  write_group(groups / "c", 2, "5000", 1000, 0);
  CHECK(left() == 4000);
  write_group(groups / "c", 2, "5000", 1000, 300);
  CHECK(left() == 4300);
  write_group(groups / "c" / "d", 2, "3000", 1000, 0);
  CHECK(left() == 2000);
  write_group(groups, 2, "2500", 2000, 0);  // as a container sees its own
  CHECK(left() == 500);

  write_group(groups / "memory" / "a" / "b", 1, "9000", 8900, 10);
  CHECK(left() == 110);
  write_group(groups / "memory", 1, "100", 50, 0);
  CHECK(left() == 50);
}
