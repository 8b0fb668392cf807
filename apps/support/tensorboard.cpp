#include "apps/support/tensorboard.h"

#include <unistd.h>

#include <array>
#include <bit>
#include <chrono>
#include <cstring>

#include "apps/support/format.h"

// The format is TensorFlow's. A record is the length of its data as 8 bytes, the check of those, the data, the check of
// the data. The data is an Event of protobuf:
//   Event      1 wall_time (double), 2 step (int64), 3 file_version (string), 5 summary (Summary), 7 session_log
//   Summary    1 value (Value, any number of them)
//   Value      1 tag (string), 2 simple_value (float)
//   SessionLog 1 status (enum; 1 is START)
namespace apps {
namespace {

namespace fs = std::filesystem;

static_assert(std::endian::native == std::endian::little, "event files store little-endian numbers");

template <class Number>
std::string bytes_of(Number number) {
  std::string bytes(sizeof number, '\0');
  std::memcpy(bytes.data(), &number, sizeof number);
  return bytes;
}

/// Seven bits a byte, the lowest first; the eighth says that more follow.
std::string varint(uint64_t number) {
  std::string bytes;
  for (; number >= 0x80; number >>= 7) bytes += static_cast<char>(number | 0x80);
  return bytes += static_cast<char>(number);
}

// A field of a protobuf message: its number and kind, then its value.
std::string key(uint64_t field, uint64_t kind) { return varint(field << 3 | kind); }
std::string field(uint64_t number, int64_t value) { return key(number, 0) + varint(static_cast<uint64_t>(value)); }
std::string field(uint64_t number, double value) { return key(number, 1) + bytes_of(value); }
std::string field(uint64_t number, float value) { return key(number, 5) + bytes_of(value); }
std::string field(uint64_t number, const std::string& value) { return key(number, 2) + varint(value.size()) + value; }

/// The check as it is stored; records that hold checks themselves would weaken it otherwise.
std::string check_of(std::string_view bytes) { return bytes_of(std::rotr(crc32c(bytes), 15) + 0xA282EAD8u); }

int64_t microseconds_now() {
  using namespace std::chrono;
  return duration_cast<microseconds>(system_clock::now().time_since_epoch()).count();
}

/// A name that no file of the folder has. TensorBoard reads them in the order of their names, so after the seconds and
/// the host, which others look for there, come the microseconds.
fs::path new_name(const fs::path& folder) {
  char host[65] = "localhost";
  ::gethostname(host, sizeof host - 1);
  for (int64_t now = microseconds_now();; ++now) {
    const fs::path path =
        folder / format("events.out.tfevents.%010ld.%s.%06ld", now / 1'000'000, host, now % 1'000'000);
    std::error_code error;
    if (!fs::exists(path, error)) return path;
  }
}

}  // namespace

uint32_t crc32c(std::string_view bytes) {
  static constexpr auto table = [] {
    std::array<uint32_t, 256> remainders{};
    for (uint32_t i = 0; i < 256; ++i) {
      remainders[i] = i;
      for (int bit = 0; bit < 8; ++bit) remainders[i] = remainders[i] >> 1 ^ (remainders[i] & 1 ? 0x82F63B78 : 0);
    }
    return remainders;
  }();
  uint32_t crc = ~0u;
  for (const char byte : bytes) crc = crc >> 8 ^ table[(crc ^ static_cast<unsigned char>(byte)) & 0xFF];
  return ~crc;
}

EventFile::EventFile(const fs::path& folder, int64_t first_step) : file_(new_name(folder)) {
  write(field(3, "brain.Event:2"));
  constexpr int64_t start = 1;
  write(field(2, first_step) + field(7, field(1, start)));
}

void EventFile::add(const std::string& tag, int64_t step, double value) {
  write(field(2, step) + field(5, field(1, field(1, tag) + field(2, static_cast<float>(value)))));
}

void EventFile::write(const std::string& event) {
  const std::string data = field(1, static_cast<double>(microseconds_now()) * 1e-6) + event;
  const std::string length = bytes_of(uint64_t{data.size()});
  file_.append(length + check_of(length) + data + check_of(data));
}

}  // namespace apps
