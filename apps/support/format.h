#pragma once

#include <cstdio>
#include <nlohmann/json.hpp>
#include <string>

namespace apps {

/// What printf would print, cut after 255 characters.
template <class... Values>
std::string format(const char* pattern, Values... values) {
  char text[256];
  std::snprintf(text, sizeof text, pattern, values...);
  return text;
}

/// JSON on one line, or indented; of a name that is not UTF-8 what is wrong becomes a replacement character.
inline std::string json_text(const nlohmann::ordered_json& json, int indent = -1) {
  return json.dump(indent, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

}  // namespace apps
