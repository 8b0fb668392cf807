#include "apps/support/environment.h"

#include <archive.h>
#include <curl/curl.h>
#include <gnu/libc-version.h>
#include <jconfig.h>
#include <matio.h>
#include <openssl/crypto.h>
#include <spng.h>
#include <sys/utsname.h>

#include <CLI/Version.hpp>
#include <Eigen/Core>
#include <fstream>

#include "data/checksum.h"
#include "engine/error.h"
#include "engine/parallel.h"

namespace apps {
namespace {

using nlohmann::ordered_json;

#if defined(__AVX512F__)
constexpr const char* instructions = "AVX-512";
#elif defined(__AVX2__)
constexpr const char* instructions = "AVX2";
#else
constexpr const char* instructions = "SSE2";
#endif

#ifdef __clang__
constexpr const char* compiler = __VERSION__;
#else
constexpr const char* compiler = "gcc " __VERSION__;
#endif

#define in_quotes(name) quoted(name)
#define quoted(name) #name

/// A line of /proc/cpuinfo, such as "model name".
std::string processor(const std::string& key) {
  std::ifstream in("/proc/cpuinfo");
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with(key) && line.find(": ") != std::string::npos) return line.substr(line.find(": ") + 2);
  }
  return "unknown";
}

std::string_view bytes_of(const auto& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof values[0]};
}

ordered_json describe(const data::Dataset& set) {
  std::string names;
  for (const auto& file : set.files) {
    names += engine::text(file.filename().string(), " ", std::filesystem::file_size(file), "\n");
  }
  const std::string pictures = set.files.empty() ? data::checksum_of(bytes_of(set.pixels)) : data::checksum_of(names);
  return {{"images", set.count()}, {"sha256", pictures}, {"labels_sha256", data::checksum_of(bytes_of(set.labels))}};
}

}  // namespace

ordered_json environment(engine::Device device, const data::Dataset& train_set, const data::Dataset& test_set) {
  int matio[3] = {};
  Mat_GetLibraryVersion(matio, matio + 1, matio + 2);
  utsname system{};
  uname(&system);
  return {{"revision", DEMIX_REVISION},
          {"compiler", compiler},
          {"instructions", instructions},
          {"system", engine::text(system.sysname, " ", system.release, " ", system.machine)},
          {"processor", processor("model name")},
          {"processor_flags", processor("flags")},
          {"gpu", device == engine::Device::cuda ? ordered_json(engine::gpu().name) : ordered_json()},
          {"threads", engine::threads()},
          {"libraries",
           {{"glibc", gnu_get_libc_version()},
            {"eigen", engine::text(EIGEN_WORLD_VERSION, ".", EIGEN_MAJOR_VERSION, ".", EIGEN_MINOR_VERSION)},
            {"cli11", CLI11_VERSION},
            {"nlohmann_json", engine::text(NLOHMANN_JSON_VERSION_MAJOR, ".", NLOHMANN_JSON_VERSION_MINOR, ".",
                                           NLOHMANN_JSON_VERSION_PATCH)},
            {"libspng", spng_version_string()},
            {"libjpeg-turbo", in_quotes(LIBJPEG_TURBO_VERSION)},
            {"matio", engine::text(matio[0], ".", matio[1], ".", matio[2])},
            {"libarchive", archive_version_string()},
            {"libcurl", curl_version_info(CURLVERSION_NOW)->version},
            {"openssl", OpenSSL_version(OPENSSL_VERSION_STRING)}}},
          {"data", {{"name", train_set.name}, {"train", describe(train_set)}, {"test", describe(test_set)}}}};
}

}  // namespace apps
