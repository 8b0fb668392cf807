#include "data/download.h"

#include <curl/curl.h>
#include <fcntl.h>
#include <strings.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <exception>
#include <fstream>
#include <memory>

#include "data/checksum.h"
#include "engine/error.h"
#include "engine/file.h"

namespace data {
namespace {

namespace fs = std::filesystem;

/// Keeps other processes from downloading the same, by a locked file, for as long as it lives.
class Lock {
 public:
  explicit Lock(const fs::path& path)
      : path_(path), file_(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666)) {
    struct stat status {};
    ENSURE(file_.number >= 0, path_.string(), ": cannot be written: ", std::strerror(errno));
    const bool locked = ::flock(file_.number, LOCK_EX | LOCK_NB) == 0;
    ENSURE(locked || errno == EWOULDBLOCK, path_.string(), ": cannot be locked: ", std::strerror(errno));
    // Its last holder may have removed it after we opened it; then the next process would lock another file.
    ENSURE(locked && ::fstat(file_.number, &status) == 0 && status.st_nlink > 0, path_.string(),
           ": another process is downloading the same");
  }
  Lock(const Lock&) = delete;
  ~Lock() { ::unlink(path_.c_str()); }

 private:
  fs::path path_;
  engine::Descriptor file_;
};

/// The transfer of an archive into a .part file, after what is there already.
class Transfer {
 public:
  Transfer(const Archive& archive, const std::string& url, const fs::path& part, const ProgressCallback& progress)
      : archive_(archive), url_(url), part_(part), progress_(progress), curl_(curl_easy_init(), curl_easy_cleanup) {
    ENSURE(curl_, url_, ": libcurl cannot be started");
    set(CURLOPT_WRITEFUNCTION, on_data);
    set(CURLOPT_WRITEDATA, this);
    set(CURLOPT_ERRORBUFFER, reason_);
    set(CURLOPT_USERAGENT, "demix");
    set(CURLOPT_NOSIGNAL, 1L);
    set(CURLOPT_CONNECTTIMEOUT, 30L);
    set(CURLOPT_LOW_SPEED_LIMIT, 1L);  // bytes a second, for a minute
    set(CURLOPT_LOW_SPEED_TIME, 60L);
    std::error_code error;
    const auto bytes = static_cast<int64_t>(fs::file_size(part_, error));
    if (!error && bytes <= archive_.bytes) position_ = bytes;
  }

  void run() {
    CURLcode result = CURLE_OK;
    long code = 0;
    const char* protocols = "http,https,file";
    for (int requests = 0; position_ < archive_.bytes; ++requests) {
      ENSURE(requests < 10, url_, ": too many redirects");
      const std::string rest = std::to_string(position_) + "-";
      set(CURLOPT_URL, url_.c_str());
      set(CURLOPT_PROTOCOLS_STR, protocols);
      set(CURLOPT_RANGE, position_ > 0 ? rest.c_str() : nullptr);
      reason_[0] = '\0';
      result = curl_easy_perform(curl_.get());
      out_.close();
      if (error_) break;
      code = info<long>(CURLINFO_RESPONSE_CODE);
      if (const auto* next = info<const char*>(CURLINFO_REDIRECT_URL)) {
        // Followed here, as libcurl would go from http to https and back to http.
        const auto* scheme = info<const char*>(CURLINFO_SCHEME);
        protocols = scheme && ::strcasecmp(scheme, "http") == 0 ? "http,https" : "https";
        url_ = next;
      } else if (code == 416 && position_ > 0) {
        position_ = 0;  // the file there is shorter than ours
      } else {
        break;
      }
    }
    if (error_) std::rethrow_exception(error_);
    ENSURE(result != CURLE_UNSUPPORTED_PROTOCOL, url_,
           ": only http, https and file are read, and redirects lead neither to a file nor from https to http");
    ENSURE(code < 300, url_, ": HTTP status ", code);
    if (position_ == archive_.bytes) return;
    const std::string reason = reason_[0] ? reason_ : result ? curl_easy_strerror(result) : "the file is too short";
    ENSURE(position_ > 0, url_, ": ", reason);
    engine::fail(url_, ": ", reason, "; ", position_, " of ", archive_.bytes,
                 " bytes are there: running it again goes on from there");
  }

 private:
  template <class Value>
  void set(CURLoption option, Value value) {
    ENSURE(curl_easy_setopt(curl_.get(), option, value) == CURLE_OK, url_, ": libcurl refuses option ", option);
  }

  template <class Value>
  Value info(CURLINFO what) const {
    Value value{};
    curl_easy_getinfo(curl_.get(), what, &value);
    return value;
  }

  void receive(std::string_view bytes) {
    const long code = info<long>(CURLINFO_RESPONSE_CODE);
    if (code != 0 && code != 200 && code != 206) return;  // the text beside a redirect or an error; 0: a local file
    if (!out_.is_open()) {
      const int64_t begin = code == 200 ? 0 : position_;  // 200: the server does not know how to send the rest alone
      const auto length = info<curl_off_t>(CURLINFO_CONTENT_LENGTH_DOWNLOAD_T);
      ENSURE(length < 0 || begin + length == archive_.bytes, url_, ": has ", begin + length, " bytes, not ",
             archive_.bytes);
      position_ = begin;
      out_.open(part_, std::ios::binary | (position_ > 0 ? std::ios::app : std::ios::trunc));
    }
    if (position_ + static_cast<int64_t>(bytes.size()) > archive_.bytes) {
      std::error_code error;
      fs::remove(part_, error);
      engine::fail(url_, ": has more than ", archive_.bytes, " bytes");
    }
    out_.write(bytes.data(), static_cast<std::streamsize>(bytes.size())).flush();
    ENSURE(out_, part_.string(), ": cannot be written: ", std::strerror(errno));
    position_ += static_cast<int64_t>(bytes.size());
    if (progress_) progress_(position_, archive_.bytes);
  }

  static size_t on_data(char* bytes, size_t, size_t count, void* self) {
    try {
      static_cast<Transfer*>(self)->receive({bytes, count});
      return count;
    } catch (...) {  // must not pass through libcurl, which is C
      static_cast<Transfer*>(self)->error_ = std::current_exception();
      return CURL_WRITEFUNC_ERROR;
    }
  }

  const Archive& archive_;
  std::string url_;
  const fs::path& part_;
  const ProgressCallback& progress_;
  const std::unique_ptr<CURL, void (*)(CURL*)> curl_;
  char reason_[CURL_ERROR_SIZE] = "";
  int64_t position_ = 0;  // how much of the archive is there, and so where the next bytes go
  std::ofstream out_;
  std::exception_ptr error_;
};

/// Gives a finished folder its name, after all in it has reached the disk.
void publish(const fs::path& unpacked, const fs::path& folder) {
  const engine::Descriptor around(::open(folder.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  const bool written = around.number >= 0 && ::syncfs(around.number) == 0;
  ENSURE(written && ::rename(unpacked.c_str(), folder.c_str()) == 0, folder.string(),
         ": cannot be made: ", std::strerror(errno));
  ::fsync(around.number);
}

}  // namespace

bool is_there(const Archive& archive, const fs::path& folder) {
  std::error_code error;
  const std::vector<Member>& members = archive.contents.members;
  if (members.empty()) return fs::exists(folder / archive.contents.first, error);
  return std::all_of(members.begin(), members.end(),
                     [&](const Member& member) { return fs::exists(folder / member.name, error); });
}

void download(const Archive& archive, const fs::path& into, const std::string& url, const ProgressCallback& progress) {
  static const CURLcode started = curl_global_init(CURL_GLOBAL_DEFAULT);
  ENSURE(started == CURLE_OK, "libcurl: ", curl_easy_strerror(started));
  const fs::path folder = fs::absolute(into) / archive.contents.folder,
                 base = folder.parent_path() / fs::path(archive.url).filename(), part = base.string() + ".part",
                 unpacked = folder.string() + ".unpacking";
  std::error_code error;
  const auto done = [&] {
    if (!fs::exists(folder, error)) return false;
    ENSURE(fs::is_directory(folder, error), folder.string(), ": is in the way: it is not a folder");
    ENSURE(is_there(archive, folder), folder.string(),
           ": is there, but not all of its files are: remove it to download it anew");
    fs::remove(part, error);
    return true;
  };
  if (done()) return;
  fs::create_directories(folder.parent_path(), error);
  ENSURE(!error, folder.parent_path().string(), ": ", error.message());
  const Lock lock(base.string() + ".lock");
  if (done()) return;  // by another process, before this one had the lock

  Transfer(archive, url.empty() ? archive.url : url, part, progress).run();
  const std::string sum = checksum(part);
  if (sum != archive.sha256) {
    fs::remove(part, error);
    engine::fail(base.filename().string(), ": the SHA-256 of what was downloaded is ", sum, ", not ", archive.sha256,
                 ": it is removed");
  }
  unpack(part, archive.contents, unpacked);
  publish(unpacked, folder);
  done();
}

}  // namespace data
