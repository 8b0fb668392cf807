#pragma once

#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace apps {

/// What printf would print, cut after 255 characters.
template <class... Values>
std::string format(const char* pattern, Values... values) {
  char text[256];
  std::snprintf(text, sizeof text, pattern, values...);
  return text;
}

/// A loss in seven places: with four digits after the point, a large one with one, a huge one as a power of ten.
inline std::string loss_text(double loss) {
  return format(std::abs(loss) < 100 ? "%.4f" : std::abs(loss) < 1e5 ? "%.1f" : "%.1e", loss);
}

/// JSON on one line, or indented; of a name that is not UTF-8 what is wrong becomes a replacement character.
inline std::string json_text(const nlohmann::ordered_json& json, int indent = -1) {
  return json.dump(indent, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

/// The text as it stands in HTML and SVG, between tags or in a quoted attribute.
inline std::string escaped(const std::string& text) {
  std::string safe;
  for (const char c : text) {
    const char* entity = c == '<' ? "&lt;" : c == '>' ? "&gt;" : c == '&' ? "&amp;" : c == '"' ? "&quot;" : "&#39;";
    if (std::string_view("<>&\"'").find(c) == std::string_view::npos) safe += c;
    else safe += entity;
  }
  return safe;
}

/// The text as one word of a shell's command line.
inline std::string shell_word(const std::string& text) {
  const bool plain =
      text.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+./:,@%") ==
      std::string::npos;
  if (plain && !text.empty()) return text;
  std::string word = "'";
  for (const char c : text) word += c == '\'' ? "'\\''" : std::string(1, c);
  return word + "'";
}

}  // namespace apps
