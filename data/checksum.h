#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace data {

/// The digest of a file in lower-case hexadecimal; the algorithm is one that OpenSSL knows, such as "sha256" or "md5".
/// An Error names the file and the reason.
std::string checksum(const std::filesystem::path& path, const std::string& algorithm = "sha256");

/// The same of bytes in memory.
std::string checksum_of(std::string_view bytes, const std::string& algorithm = "sha256");

}  // namespace data
