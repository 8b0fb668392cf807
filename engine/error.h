#pragma once

#include <charconv>
#include <sstream>
#include <stdexcept>
#include <string>

namespace engine {

/// The one exception of demix. Its text is one line for people: what is wrong, with the shapes, file or value
/// concerned.
struct Error : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// The parts written one after the other, as a stream writes them.
template <class... Parts>
std::string text(const Parts&... parts) {
  std::ostringstream out;
  (out << ... << parts);
  return out.str();
}

/// A number in the fewest digits that read back as the same.
inline std::string exact(double value) {
  char digits[32];
  return {digits, std::to_chars(digits, digits + sizeof digits, value).ptr};
}

/// Throws an Error whose text is the joined parts.
template <class... Parts>
[[noreturn]] void fail(const Parts&... parts) {
  throw Error(text(parts...));
}

}  // namespace engine

/// Throws an Error made of the parts unless the condition holds.
#define ENSURE(condition, ...)                     \
  do {                                             \
    if (!(condition)) ::engine::fail(__VA_ARGS__); \
  } while (false)
