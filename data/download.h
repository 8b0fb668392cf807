#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

#include "data/unpack.h"

namespace data {

/// A published archive of a data set.
struct Archive {
  std::string url;
  int64_t bytes;
  std::string sha256;  // in lower-case hexadecimal
  Contents contents;
};

/// The archive of a data set; an Error lists those that have one.
const Archive& archive_of(const std::string& dataset);

/// Whether the files of a data set are in a folder: those that its archive is known to hold.
bool is_there(const Archive& archive, const std::filesystem::path& folder);

/// Told of the bytes that have arrived so far and of those there are in all, after each piece.
using ProgressCallback = std::function<void(int64_t bytes, int64_t all)>;

/// Downloads an archive and unpacks it to its folder in `into`, from its own URL or from another one (http, https or
/// file); does nothing where that folder is there; an Error where it is there in part. The folder appears complete or
/// not at all. Until then the archive is in a file that ends in .part, which the next call continues after an Error or
/// a crash; afterwards the file is removed. An Error gives the URL or file and the reason; so it does where another
/// process is downloading the same.
void download(const Archive& archive, const std::filesystem::path& into, const std::string& url = {},
              const ProgressCallback& progress = {});

}  // namespace data
