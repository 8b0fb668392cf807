#include "apps/support/tensorboard.h"

#include <doctest/doctest.h>
#include <sys/resource.h>

#include <chrono>
#include <cmath>
#include <csignal>
#include <limits>
#include <optional>
#include <vector>

#include "engine/error.h"
#include "tests/support/event_file.h"
#include "tests/support/scratch.h"

using namespace support;

namespace {

/// Not std::time, whose clock may be behind by a tick.
double now() { return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count(); }

}  // namespace

TEST_CASE("CRC-32C gives the known answers") {
  CHECK(apps::crc32c("123456789") == 0xE3069283);
  CHECK(apps::crc32c(std::string(32, '\0')) == 0x8A9136AA);
  CHECK(apps::crc32c(std::string(32, '\xFF')) == 0x62A8AB43);
  CHECK(apps::crc32c("") == 0);
}

TEST_CASE("an event file holds its version, its start and every scalar, whole as soon as it is added") {
  const Scratch folder("events");
  const double before = now();
  apps::EventFile file(folder.path, 300);
  const std::vector<Event> added = {
      {.step = 300, .tag = "train/loss", .value = 2.5F},
      {.step = 301, .tag = "eval/top-1, \xc3\xa9", .value = -0.1F},
      {.step = 0, .tag = std::string(20000, 't'), .value = NAN},
      {.step = std::numeric_limits<int64_t>::max(), .tag = "", .value = INFINITY},
      {.step = -1, .tag = "negative", .value = 1e-30F},
  };
  for (size_t i = 0; i <= added.size(); ++i) {
    const std::vector<Event> events = read_events(file.path());
    CHECK_FALSE(is_torn(file.path()));
    REQUIRE(events.size() == 2 + i);
    CHECK((events[0].version == "brain.Event:2" && events[0].session_status == 0));
    CHECK((events[1].version.empty() && events[1].session_status == 1 && events[1].step == 300));
    for (size_t k = 0; k < i; ++k) {
      CAPTURE(k);
      const Event& event = events[2 + k];
      CHECK(event.tag == added[k].tag);
      CHECK(event.step == added[k].step);
      CHECK((event.value == added[k].value || (std::isnan(event.value) && std::isnan(added[k].value))));
      CHECK((event.version.empty() && event.session_status == 0));
    }
    for (const Event& event : events) CHECK((event.wall_time >= before && event.wall_time <= now() + 1));
    if (i < added.size()) file.add(added[i].tag, added[i].step, static_cast<double>(added[i].value));
  }
}

TEST_CASE("event files are named as TensorBoard wants it, later ones after earlier ones") {
  const Scratch folder("events");
  std::string last;
  for (int i = 0; i < 50; ++i) {
    const apps::EventFile file(folder.path);
    const std::string name = file.path().filename();
    CHECK(file.path().parent_path() == folder.path);
    CHECK(name > last);
    const std::string start = "events.out.tfevents.";
    REQUIRE(name.starts_with(start));
    CHECK(std::abs(std::stod(name.substr(start.size(), 10)) - now()) <= 5);
    CHECK(name[start.size() + 10] == '.');
    last = name;
  }
}

TEST_CASE("an event file that cannot be made or grow is an error, and nothing follows a torn record") {
  const Scratch folder("events");
  const std::filesystem::path missing = folder.path / "missing";
  CHECK_THROWS_WITH(apps::EventFile{missing}, doctest::Contains("cannot be written: No such file or directory"));

  std::optional<apps::EventFile> file(folder.path);
  const std::filesystem::path path = file->path();
  file->add("loss", 1, 1);
  const std::string whole = content(path);
  struct rlimit limit;
  REQUIRE(getrlimit(RLIMIT_FSIZE, &limit) == 0);
  const struct rlimit tight { whole.size() + 10, limit.rlim_max };
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  setrlimit(RLIMIT_FSIZE, &tight);
  std::string message;
  try {
    file->add("loss", 2, 1);
  } catch (const engine::Error& error) {
    message = error.what();
  }
  setrlimit(RLIMIT_FSIZE, &limit);
  std::signal(SIGXFSZ, handler);
  CHECK(message == path.string() + ": cannot be written: File too large");

  const std::string torn = content(path);
  CHECK(torn == whole + torn.substr(whole.size()));
  CHECK(torn.size() == whole.size() + 10);
  CHECK(is_torn(path));
  CHECK_THROWS_WITH(file->add("loss", 3, 1), message.c_str());
  file.reset();
  CHECK(content(path) == torn);
}
