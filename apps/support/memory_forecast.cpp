#include "apps/support/memory_forecast.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>
#include <new>
#include <optional>
#include <sstream>
#include <system_error>

#include "apps/support/format.h"
#include "apps/support/learner.h"
#include "engine/error.h"
#include "engine/memory.h"
#include "engine/parallel.h"

namespace apps {
namespace {

namespace fs = std::filesystem;

/// What a small number in a file of the system says; none where there is no such file or number.
std::optional<int64_t> number_in(const fs::path& file) {
  std::ifstream in(file);
  int64_t number = 0;
  return in >> number ? std::optional(number) : std::nullopt;
}

/// The number behind a name, at the beginning of a line; 0 where it is not there.
int64_t number_behind(const std::string& name, const fs::path& file) {
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with(name + " ")) return std::stoll(line.substr(name.size()));
  }
  return 0;
}

/// A line of /proc/meminfo in bytes.
int64_t system_memory(const std::string& name) { return 1024 * number_behind(name + ":", "/proc/meminfo"); }

/// Bytes of address space, of them in memory, and of it what is written to.
struct Sizes {
  int64_t all = 0, resident = 0, data = 0;
};
Sizes sizes() {
  std::ifstream in("/proc/self/statm");
  Sizes pages;
  int64_t shared = 0, code = 0, libraries = 0;
  in >> pages.all >> pages.resident >> shared >> code >> libraries >> pages.data;
  const int64_t page = sysconf(_SC_PAGESIZE);
  return {page * pages.all, page * pages.resident, page * pages.data};
}

/// What the system would still give.
int64_t memory_left() {
  int64_t left = std::min(system_memory("MemAvailable") + system_memory("SwapFree"), memory_left_by_groups());
  rlimit limit{};
  if (getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY) {
    left = std::min(left, static_cast<int64_t>(limit.rlim_cur) - sizes().all);
  }
  return std::max<int64_t>(0, left);
}

/// As long as it lives, an allocation that the system could not serve fails, where else the process would be killed.
class AllocationLimit {
 public:
  AllocationLimit() {
    getrlimit(RLIMIT_DATA, &before_);
    rlimit limit = before_;
    limit.rlim_cur = std::min<rlim_t>(before_.rlim_cur, static_cast<rlim_t>(sizes().data + memory_left()));
    setrlimit(RLIMIT_DATA, &limit);
  }
  AllocationLimit(const AllocationLimit&) = delete;
  AllocationLimit& operator=(const AllocationLimit&) = delete;
  ~AllocationLimit() { setrlimit(RLIMIT_DATA, &before_); }

 private:
  rlimit before_{};
};

[[noreturn]] void fail_for_lack_of(const std::string& reach, int64_t images) {
  engine::fail("not enough memory: a step with ", images, " images alone needs more than the ", reach,
               " that can be had");
}

}  // namespace

MemoryForecast forecast_memory(const TrainingFlags& given, const data::Dataset& train_set,
                               const data::Dataset* test_set) {
  TrainingFlags flags = without_initial_weights(given);
  flags.device = "cpu", flags.gpu = {};
  const int64_t before = memory_in_use();
  const auto held = [] { return engine::memory::usage().held; };
  const int64_t held_before = held(), small = std::min<int64_t>(4, flags.batch_size),
                large = std::min<int64_t>(16, flags.batch_size);
  const std::string reach = memory_size(memory_within_reach());
  double needed[2] = {};
  int64_t state = 0;  // what is saved, put together to be written
  // Starts the threads, whose stacks would count as well.
  engine::parallel_for(engine::threads(), 1, [](int64_t, int64_t) {});
  try {
    const AllocationLimit limit;
    for (const int64_t size : {small, large}) {
      engine::memory::release_unused();
      Learner learner(flags, train_set);
      const data::Batch batch = data::first_batch(train_set, {.batch = size, .train = true, .seed = flags.seed});
      // How many blocks threads need at once differs from step to step.
      for (int step = 0; step < 3; ++step) learner.step(0, batch);
      needed[size == large] = static_cast<double>(held() - held_before);
      state = 0;
      for (const nn::Entry& entry : learner.tensors()) state += 4 * entry.variable.value().elements();
    }
    engine::memory::release_unused();
  } catch (const engine::memory::OutOfMemory&) {
    fail_for_lack_of(reach, large);
  } catch (const std::bad_alloc&) {
    fail_for_lack_of(reach, large);
  } catch (const std::system_error&) {  // a thread that there is no memory for
    fail_for_lack_of(reach, large);
  }
  const double each = large > small ? (needed[1] - needed[0]) / static_cast<double>(large - small) : 0;
  const double by_image = given.gpu.amp ? each / 2 : each;  // nearly all of it lies between layers
  const auto word = static_cast<int64_t>(sizeof(float));
  const int64_t images = word * flags.batch_size * 3 * train_set.size * train_set.size,
                waiting = 4 * images;  // batches of the loader
  const auto steps = static_cast<int64_t>(needed[1] - each * static_cast<double>(large) +
                                          by_image * static_cast<double>(flags.batch_size));
  const bool on_gpu = device_of(given) == engine::Device::cuda;
  if (!on_gpu) return {before + waiting + state + steps, 0, by_image};
  const int64_t resident = data::Resident::bytes(train_set, train_set.augmentation),
                resident_test = test_set ? data::Resident::bytes(*test_set, test_set->view) : 0,
                pending = 2 * images;  // of a step that was begun before the one before it was done
  return {before + (resident > 0 ? 0 : waiting) + state, steps + resident + resident_test + pending, by_image};
}

int64_t batch_that_fits(const MemoryForecast& forecast, int64_t batch, int64_t memory) {
  if (forecast.by_image <= 0) return batch;
  const double beyond = static_cast<double>(forecast.gpu - memory) / forecast.by_image;
  return std::max<int64_t>(0, batch - static_cast<int64_t>(std::ceil(std::max(0.0, beyond))));
}

int64_t memory_in_use() { return sizes().resident; }

int64_t most_memory_used() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return int64_t{usage.ru_maxrss} << 10;
}

int64_t memory_left_by_groups(const fs::path& groups, const fs::path& of_process) {
  int64_t left = std::numeric_limits<int64_t>::max();
  std::ifstream in(of_process);
  for (std::string line; std::getline(in, line);) {  // "0::/a/b", "4:memory:/a/b"
    std::istringstream fields(line);
    std::string number, kind, group;
    std::getline(std::getline(std::getline(fields, number, ':'), kind, ':'), group);
    const bool second = kind.empty();  // version of control groups
    if (!second && kind != "memory") continue;
    for (fs::path path = fs::path(group).relative_path();; path = path.parent_path()) {
      const fs::path folder = (second ? groups : groups / "memory") / path;
      const auto most = number_in(folder / (second ? "memory.max" : "memory.limit_in_bytes"));
      const auto used = number_in(folder / (second ? "memory.current" : "memory.usage_in_bytes"));
      const int64_t unneeded = number_behind(second ? "inactive_file" : "total_inactive_file", folder / "memory.stat");
      if (most && used) left = std::min(left, *most - *used + unneeded);
      if (path.empty()) break;
    }
  }
  return left;
}

int64_t memory_within_reach() { return memory_in_use() + memory_left(); }

std::string memory_size(int64_t bytes) {
  const double mib = static_cast<double>(bytes) / (1 << 20);
  return mib < 1024 ? format("%.0f MiB", mib) : format("%.2f GiB", mib / 1024);
}

std::string memory_size(const MemoryForecast& forecast) {
  return memory_size(forecast.system) + (forecast.gpu > 0 ? " and " + memory_size(forecast.gpu) + " of the GPU" : "");
}

void require_memory(const MemoryForecast& forecast, int64_t batch) {
  if (forecast.gpu > 0) {
    const int64_t room = engine::gpu().free / 17 * 16;
    const int64_t fits = batch_that_fits(forecast, batch, room);
    ENSURE(fits >= batch, "not enough memory of the GPU: this training needs about ", memory_size(forecast.gpu),
           " and a little to spare, and ", memory_size(engine::gpu().free), " are free; ",
           fits > 0 ? engine::text("--batch-size ", fits, " fits") : "no batch fits");
  }
  const int64_t needed = forecast.system, reach = memory_within_reach();
  ENSURE(needed + needed / 16 <= reach, "not enough memory: this training needs about ", memory_size(needed),
         " and a little to spare, and ", memory_size(reach),
         " can be had; a smaller --batch-size with --grad-accum-steps needs less");
}

}  // namespace apps
