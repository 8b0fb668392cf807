#pragma once

#include <cstdio>
#include <string>

namespace apps {

/// What printf would print, cut after 255 characters.
template <class... Values>
std::string format(const char* pattern, Values... values) {
  char text[256];
  std::snprintf(text, sizeof text, pattern, values...);
  return text;
}

}  // namespace apps
