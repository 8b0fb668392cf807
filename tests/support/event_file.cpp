#include "tests/support/event_file.h"

#include <cstring>
#include <set>
#include <stdexcept>

#include "tests/support/scratch.h"

namespace support {
namespace {

/// CRC-32C bit by bit, after the definition.
uint32_t slow_crc32c(const std::string& bytes) {
  uint32_t crc = 0xFFFFFFFF;
  for (const char byte : bytes) {
    crc ^= static_cast<uint8_t>(byte);
    for (int bit = 0; bit < 8; ++bit) crc = crc & 1 ? crc >> 1 ^ 0x82F63B78 : crc >> 1;
  }
  return crc ^ 0xFFFFFFFF;
}

void require(bool good, const char* what) {
  if (!good) throw std::runtime_error(what);
}

/// What is left to read of some bytes.
struct Bytes {
  std::string left;

  std::string take(uint64_t count) {
    require(count <= left.size(), "an event ends too early");
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
      require(shift < 64, "an event's number is too long");
      const auto byte = number<uint8_t>();
      value |= static_cast<uint64_t>(byte & 0x7F) << shift;
      if (byte < 0x80) return value;
    }
  }
  std::string take_checked(uint64_t count) {
    const std::string bytes = take(count);
    const auto unmasked = number<uint32_t>() - 0xA282EAD8;
    require((unmasked >> 17 | unmasked << 15) == slow_crc32c(bytes), "an event's check is wrong");
    return bytes;
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
      require(kind == 1 || kind == 2 || kind == 5, "an event's field is of no known kind");
      value = message.take(kind == 1 ? 8 : kind == 5 ? 4 : message.varint());
    }
    require(fields.emplace(std::pair{key >> 3, kind}, Bytes{value}).second, "an event's field is there twice");
  }
  return fields;
}

Event event_of(const std::string& record) {
  Event event;
  for (auto [key, value] : fields({record})) {
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
      require(number == 5 && kind == 2, "an event's field is none that is known");
      auto inner = fields(fields(value).at({1, 2}));
      require(inner.size() == 2, "a value has other fields than tag and number");
      event.tag = inner.at({1, 2}).left;
      event.value = inner.at({2, 5}).number<float>();
    }
  }
  return event;
}

/// The events that are there whole, and what follows them.
std::pair<std::vector<Event>, Bytes> read(const std::filesystem::path& path) {
  constexpr uint64_t length_bytes = 8, check_bytes = 4;
  std::vector<Event> events;
  Bytes file{content(path)};
  while (file.left.size() >= length_bytes + check_bytes) {
    Bytes ahead = file;
    const auto length = Bytes{ahead.take_checked(length_bytes)}.number<uint64_t>();
    if (ahead.left.size() < length + check_bytes) break;
    events.push_back(event_of(ahead.take_checked(length)));
    file = ahead;
  }
  return {events, file};
}

}  // namespace

std::vector<Event> read_events(const std::filesystem::path& path) { return read(path).first; }

bool is_torn(const std::filesystem::path& path) { return !read(path).second.left.empty(); }

std::map<std::string, std::vector<std::pair<int64_t, float>>> read_scalars(const std::filesystem::path& folder) {
  std::set<std::filesystem::path> files;  // in the order of their names
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().filename().string().starts_with("events.out.tfevents.")) files.insert(entry.path());
  }
  std::map<std::string, std::vector<std::pair<int64_t, float>>> scalars;
  for (const auto& file : files) {
    for (const Event& event : read_events(file)) {
      if (event.session_status == 1) {
        for (auto& [tag, values] : scalars) {
          std::erase_if(values, [&](const auto& value) { return value.first >= event.step; });
        }
      }
      if (!event.tag.empty()) scalars[event.tag].emplace_back(event.step, event.value);
    }
  }
  return scalars;
}

}  // namespace support
