#include <dlfcn.h>
#include <fcntl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <mutex>
#include <string>

// Lets a program's writes fail. Loaded into it by LD_PRELOAD, this stands before the functions of the C library that
// change what is in a folder, counts their calls from 1, and lets one fail, or that one and all after it. A write that
// fails leaves half of its bytes behind, as on a full disk: it is cut short, and the call for the rest fails.
//   FAILING_WRITES_FOLDER  the folder, as an absolute path without links; calls for other paths are not touched
//   FAILING_WRITES_AT      number of the call that fails; 0: none
//   FAILING_WRITES_ERROR   the errno that it gives
//   FAILING_WRITES_STAY    1: all later calls fail too; but on a full disk, files can still be removed
//   FAILING_WRITES_CALLS   a file outside the folder that gets a line for each call: its name, a space, its path

namespace {

namespace fs = std::filesystem;

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

long number(const char* name) { return std::atol(variable(name).c_str()); }

/// The function that stands behind the one of this name here.
template <class Function>
Function* next(const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

struct Plan {
  std::string folder = variable("FAILING_WRITES_FOLDER");
  long at = number("FAILING_WRITES_AT"), calls = 0;
  int error = static_cast<int>(number("FAILING_WRITES_ERROR"));
  bool stay = number("FAILING_WRITES_STAY") == 1;
  std::FILE* list = next<std::FILE*(const char*, const char*)>("fopen")(variable("FAILING_WRITES_CALLS").c_str(), "w");
  int cut = -1;  // descriptor whose last write was cut short
  std::mutex mutex;
};

Plan& plan() {
  static Plan plan;
  return plan;
}

fs::path path_of(int descriptor) {
  std::error_code error;
  return fs::read_symlink("/proc/self/fd/" + std::to_string(descriptor), error);
}

fs::path path_at(int folder, const char* path) {
  std::error_code error;
  return (folder == AT_FDCWD ? fs::current_path(error) / path : path_of(folder) / path).lexically_normal();
}

/// Counts a call that is one for the folder, and sets errno where it is to fail.
bool fails(const char* name, const fs::path& path) {
  Plan& p = plan();
  const std::lock_guard lock(p.mutex);
  const std::string text = path.string();
  if (p.folder.empty() || (text != p.folder && !text.starts_with(p.folder + "/"))) return false;
  ++p.calls;
  if (p.list) {
    std::fprintf(p.list, "%s %s\n", name, text.c_str());
    std::fflush(p.list);
  }
  const bool frees = name == std::string("unlink") && (p.error == ENOSPC || p.error == EDQUOT);
  if (p.at == 0 || p.calls < p.at || (p.calls > p.at && !p.stay) || frees) return false;
  errno = p.error;
  return true;
}

/// The writing of some bytes, which `some` does for that many of them.
template <class Some>
ssize_t written(int descriptor, size_t bytes, const Some& some) {
  Plan& p = plan();
  if (p.cut == descriptor) {
    p.cut = -1;
    errno = p.error;
    return -1;
  }
  if (!fails("write", path_of(descriptor))) return some(bytes);
  if (bytes < 2 || (p.stay && p.calls > p.at)) return -1;
  p.cut = descriptor;
  return some(bytes / 2);
}

bool for_writing(int flags) { return (flags & (O_WRONLY | O_RDWR | O_CREAT | O_TRUNC)) != 0; }

mode_t mode_in(int flags, va_list list) { return flags & (O_CREAT | O_TMPFILE) ? va_arg(list, mode_t) : 0; }

int open_at(const char* name, int folder, const char* path, int flags, mode_t mode) {
  if (for_writing(flags) && fails("open", path_at(folder, path))) return -1;
  return next<int(int, const char*, int, mode_t)>(name)(folder, path, flags, mode);
}

std::FILE* open_stream(const char* name, const char* path, const char* mode) {
  if (std::string(mode).find_first_of("wa+") != std::string::npos && fails("open", path_at(AT_FDCWD, path))) {
    return nullptr;
  }
  return next<std::FILE*(const char*, const char*)>(name)(path, mode);
}

}  // namespace

extern "C" {

int open(const char* path, int flags, ...) {
  va_list list;
  va_start(list, flags);
  const mode_t mode = mode_in(flags, list);
  va_end(list);
  return open_at("openat", AT_FDCWD, path, flags, mode);
}

int open64(const char* path, int flags, ...) {
  va_list list;
  va_start(list, flags);
  const mode_t mode = mode_in(flags, list);
  va_end(list);
  return open_at("openat64", AT_FDCWD, path, flags, mode);
}

int openat(int folder, const char* path, int flags, ...) {
  va_list list;
  va_start(list, flags);
  const mode_t mode = mode_in(flags, list);
  va_end(list);
  return open_at("openat", folder, path, flags, mode);
}

int openat64(int folder, const char* path, int flags, ...) {
  va_list list;
  va_start(list, flags);
  const mode_t mode = mode_in(flags, list);
  va_end(list);
  return open_at("openat64", folder, path, flags, mode);
}

int creat(const char* path, mode_t mode) {
  return open_at("openat", AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode);
}

std::FILE* fopen(const char* path, const char* mode) { return open_stream("fopen", path, mode); }
std::FILE* fopen64(const char* path, const char* mode) { return open_stream("fopen64", path, mode); }

ssize_t write(int descriptor, const void* from, size_t bytes) {
  return written(descriptor, bytes, [&](size_t count) {
    return next<ssize_t(int, const void*, size_t)>("write")(descriptor, from, count);
  });
}

ssize_t pwrite(int descriptor, const void* from, size_t bytes, off_t offset) {
  return written(descriptor, bytes, [&](size_t count) {
    return next<ssize_t(int, const void*, size_t, off_t)>("pwrite")(descriptor, from, count, offset);
  });
}

ssize_t pwrite64(int descriptor, const void* from, size_t bytes, off64_t offset) {
  return pwrite(descriptor, from, bytes, offset);
}

ssize_t writev(int descriptor, const iovec* parts, int count) {
  std::string bytes;
  for (int i = 0; i < count; ++i) bytes.append(static_cast<const char*>(parts[i].iov_base), parts[i].iov_len);
  return write(descriptor, bytes.data(), bytes.size());
}

ssize_t sendfile(int to, int from, off_t* offset, size_t bytes) noexcept {
  return written(to, bytes, [&](size_t count) {
    return next<ssize_t(int, int, off_t*, size_t)>("sendfile")(to, from, offset, count);
  });
}

ssize_t sendfile64(int to, int from, off64_t* offset, size_t bytes) noexcept {
  return sendfile(to, from, offset, bytes);
}

ssize_t copy_file_range(int from, off64_t* from_offset, int to, off64_t* to_offset, size_t bytes, unsigned flags) {
  return written(to, bytes, [&](size_t count) {
    return next<ssize_t(int, off64_t*, int, off64_t*, size_t, unsigned)>("copy_file_range")(from, from_offset, to,
                                                                                            to_offset, count, flags);
  });
}

int fsync(int descriptor) {
  if (fails("fsync", path_of(descriptor))) return -1;
  return next<int(int)>("fsync")(descriptor);
}

int fdatasync(int descriptor) {
  if (fails("fsync", path_of(descriptor))) return -1;
  return next<int(int)>("fdatasync")(descriptor);
}

int ftruncate(int descriptor, off_t length) noexcept {
  if (fails("truncate", path_of(descriptor))) return -1;
  return next<int(int, off_t)>("ftruncate")(descriptor, length);
}

int truncate(const char* path, off_t length) noexcept {
  if (fails("truncate", path_at(AT_FDCWD, path))) return -1;
  return next<int(const char*, off_t)>("truncate")(path, length);
}

int rename(const char* from, const char* to) noexcept {
  if (fails("rename", path_at(AT_FDCWD, to))) return -1;
  return next<int(const char*, const char*)>("rename")(from, to);
}

int renameat(int from_folder, const char* from, int to_folder, const char* to) noexcept {
  if (fails("rename", path_at(to_folder, to))) return -1;
  return next<int(int, const char*, int, const char*)>("renameat")(from_folder, from, to_folder, to);
}

int link(const char* from, const char* to) noexcept {
  if (fails("link", path_at(AT_FDCWD, to))) return -1;
  return next<int(const char*, const char*)>("link")(from, to);
}

int symlink(const char* from, const char* to) noexcept {
  if (fails("link", path_at(AT_FDCWD, to))) return -1;
  return next<int(const char*, const char*)>("symlink")(from, to);
}

int unlink(const char* path) noexcept {
  if (fails("unlink", path_at(AT_FDCWD, path))) return -1;
  return next<int(const char*)>("unlink")(path);
}

int unlinkat(int folder, const char* path, int flags) noexcept {
  if (fails("unlink", path_at(folder, path))) return -1;
  return next<int(int, const char*, int)>("unlinkat")(folder, path, flags);
}

int remove(const char* path) noexcept {
  if (fails("unlink", path_at(AT_FDCWD, path))) return -1;
  return next<int(const char*)>("remove")(path);
}

int rmdir(const char* path) noexcept {
  if (fails("unlink", path_at(AT_FDCWD, path))) return -1;
  return next<int(const char*)>("rmdir")(path);
}

int mkdir(const char* path, mode_t mode) noexcept {
  if (fails("mkdir", path_at(AT_FDCWD, path))) return -1;
  return next<int(const char*, mode_t)>("mkdir")(path, mode);
}

}  // extern "C"
