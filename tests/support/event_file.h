#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace support {

/// What an event of TensorBoard says.
struct Event {
  double wall_time = 0;
  int64_t step = 0, session_status = 0;
  std::string version = {}, tag = {};
  float value = 0;
};

/// The events of a file up to its end, or to a record that is cut off. Throws where a record is wrong.
std::vector<Event> read_events(const std::filesystem::path& path);

/// Whether its last record is cut off.
bool is_torn(const std::filesystem::path& path);

/// The steps and values of each tag in all event files of a folder, as TensorBoard shows them: where a session starts
/// at a step, what was said before of that step and later ones is dropped.
std::map<std::string, std::vector<std::pair<int64_t, float>>> read_scalars(const std::filesystem::path& folder);

}  // namespace support
