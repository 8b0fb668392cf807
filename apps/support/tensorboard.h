#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "engine/file.h"

namespace apps {

/// Writes scalars to a file that TensorBoard reads, alone or beside older files of the same folder. Every record is
/// written whole, by one call of the operating system. So of a process that is killed at most the last record is torn,
/// and TensorBoard reads what comes before it.
class EventFile {
 public:
  /// Makes a new file in a folder, for a run that goes on at this step: what older files there say of this step and
  /// later ones, TensorBoard drops. An Error where the file cannot be written.
  explicit EventFile(const std::filesystem::path& folder, int64_t first_step = 0);

  /// The value, as a float, of a tag (UTF-8, such as "train/loss") at a step; NaN and infinity are values too. An Error
  /// where it cannot be written, and from then on always, so that nothing follows a torn record.
  void add(const std::string& tag, int64_t step, double value);

  const std::filesystem::path& path() const { return file_.path(); }

 private:
  void write(const std::string& event);

  engine::GrowingFile file_;
};

/// The 32-bit cyclic redundancy check with Castagnoli's polynomial, as iSCSI has it (RFC 3720).
uint32_t crc32c(std::string_view bytes);

}  // namespace apps
