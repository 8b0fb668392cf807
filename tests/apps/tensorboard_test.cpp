#include "apps/support/tensorboard.h"

#include <doctest/doctest.h>
#include <sys/resource.h>

#include <cmath>
#include <csignal>
#include <cstring>
#include <ctime>
#include <limits>
#include <map>
#include <vector>

#include "engine/error.h"
#include "tests/support/scratch.h"

using namespace support;

namespace {

/// Bit by bit, after the definition.
uint32_t slow_crc32c(const std::string& bytes) {
  uint32_t crc = 0xFFFFFFFF;
  for (const char byte : bytes) {
    crc ^= static_cast<uint8_t>(byte);
    for (int bit = 0; bit < 8; ++bit) crc = crc & 1 ? crc >> 1 ^ 0x82F63B78 : crc >> 1;
  }
  return crc ^ 0xFFFFFFFF;
}

/// What is left to read of some bytes.
struct Bytes {
  std::string left;

  std::string take(uint64_t count) {
    REQUIRE(count <= left.size());
    const std::string taken = left.substr(0, count);
    left.erase(0, count);
    return taken;
  }
  template <class Number>
  Number number() {
    Number value;
    std::memcpy(&value, take(sizeof value).data(), sizeof value);
    return value;
  }
  uint64_t varint() {
    uint64_t value = 0;
    for (int shift = 0;; shift += 7) {
      REQUIRE(shift < 64);
      const auto byte = number<uint8_t>();
      value |= static_cast<uint64_t>(byte & 0x7F) << shift;
      if (byte < 0x80) return value;
    }
  }
};

/// The fields of a protobuf message as (number, kind); of a varint the value as 8 bytes.
std::map<std::pair<uint64_t, uint64_t>, Bytes> fields(Bytes message) {
  std::map<std::pair<uint64_t, uint64_t>, Bytes> fields;
  while (!message.left.empty()) {
    const uint64_t key = message.varint(), kind = key & 7;
    std::string value;
    if (kind == 0) {
      const uint64_t number = message.varint();
      value.assign(reinterpret_cast<const char*>(&number), sizeof number);
    } else {
      REQUIRE((kind == 1 || kind == 2 || kind == 5));
      value = message.take(kind == 1 ? 8 : kind == 5 ? 4 : message.varint());
    }
    CHECK(fields.emplace(std::pair{key >> 3, kind}, Bytes{value}).second);
  }
  return fields;
}

struct Event {
  double wall_time = 0;
  int64_t step = 0, session_status = 0;
  std::string version = {}, tag = {};
  float value = 0;
};

/// The events of a file that holds whole records only.
std::vector<Event> read_events(const std::filesystem::path& path) {
  std::vector<Event> events;
  Bytes file{content(path)};
  const auto take_checked = [&](uint64_t count) {
    const std::string bytes = file.take(count);
    const auto unmasked = file.number<uint32_t>() - 0xA282EAD8;
    CHECK((unmasked >> 17 | unmasked << 15) == slow_crc32c(bytes));
    return bytes;
  };
  while (!file.left.empty()) {
    const auto length = Bytes{take_checked(8)}.number<uint64_t>();
    Event event;
    for (auto [key, value] : fields({take_checked(length)})) {
      const auto [number, kind] = key;
      if (number == 1 && kind == 1) {
        event.wall_time = value.number<double>();
      } else if (number == 2 && kind == 0) {
        event.step = value.number<int64_t>();
      } else if (number == 3 && kind == 2) {
        event.version = value.left;
      } else if (number == 7 && kind == 2) {
        event.session_status = fields(value).at({1, 0}).number<int64_t>();
      } else {
        REQUIRE((number == 5 && kind == 2));
        auto inner = fields(fields(value).at({1, 2}));
        CHECK(inner.size() == 2);
        event.tag = inner.at({1, 2}).left;
        event.value = inner.at({2, 5}).number<float>();
      }
    }
    events.push_back(event);
  }
  return events;
}

double now() { return static_cast<double>(std::time(nullptr)); }

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

  apps::EventFile file(folder.path);
  file.add("loss", 1, 1);
  const std::string whole = content(file.path());
  struct rlimit limit;
  REQUIRE(getrlimit(RLIMIT_FSIZE, &limit) == 0);
  const struct rlimit tight { whole.size() + 10, limit.rlim_max };
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  setrlimit(RLIMIT_FSIZE, &tight);
  std::string message;
  try {
    file.add("loss", 2, 1);
  } catch (const engine::Error& error) {
    message = error.what();
  }
  setrlimit(RLIMIT_FSIZE, &limit);
  std::signal(SIGXFSZ, handler);
  CHECK(message == file.path().string() + ": cannot be written: File too large");

  const std::string torn = content(file.path());
  CHECK(torn == whole + torn.substr(whole.size()));
  CHECK(torn.size() == whole.size() + 10);
  CHECK_THROWS_AS(file.add("loss", 3, 1), engine::Error);
  CHECK(content(file.path()) == torn);
}
