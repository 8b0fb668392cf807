#include "data/download.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/file.h>

#include <algorithm>

#include "data/checksum.h"
#include "data/dataset.h"
#include "engine/error.h"
#include "engine/file.h"
#include "tests/support/archive_file.h"
#include "tests/support/picture_file.h"
#include "tests/support/scratch.h"
#include "tests/support/web_server.h"

using support::Format;
using support::reply;
using support::reply_range;
using support::WebServer;

namespace fs = std::filesystem;

namespace {

/// A folder to download into, beside a file that must stay as it is, and an archive to download.
struct Place {
  support::Scratch scratch{"download"};
  const fs::path into = scratch.path / "into", folder = into / "set", part = into / "set.tar.gz.part";
  std::string bytes;
  data::Archive archive;

  explicit Place(Format format = Format::tar_gz) {
    std::ofstream(scratch.path / "sentinel") << "untouched";
    publish(support::make_archive(format, {{"set/a.bin", support::noise(200000)}, {"set/names.txt", "cat\n"}}));
    archive.url = "http://localhost:1/somewhere/set.tar.gz";
    archive.contents = {.folder = "set", .members = {{"a.bin", 200000}, {"names.txt"}}};
  }

  void publish(const std::string& published) {
    bytes = published;
    archive.bytes = static_cast<int64_t>(bytes.size());
    archive.sha256 = sum(bytes);
  }

  std::string sum(const std::string& content) const {
    engine::write_file(scratch.path / "sum", content);
    const std::string result = data::checksum(scratch.path / "sum");
    fs::remove(scratch.path / "sum");
    return result;
  }

  /// The Error of a download from there, or nothing.
  std::string error(const std::string& url) const {
    try {
      data::download(archive, into, url);
      return "";
    } catch (const engine::Error& e) {
      return e.what();
    }
  }

  std::vector<std::string> paths() const {
    std::vector<std::string> list;
    for (const auto& entry : fs::recursive_directory_iterator(scratch.path)) {
      list.push_back(entry.path().lexically_relative(scratch.path).string());
    }
    std::sort(list.begin(), list.end());
    return list;
  }

  void check_complete() const {
    CHECK(paths() == std::vector<std::string>{"into", "into/set", "into/set/a.bin", "into/set/names.txt", "sentinel"});
    CHECK(support::content(folder / "names.txt") == "cat\n");
    CHECK(fs::file_size(folder / "a.bin") == 200000);
    CHECK(support::content(scratch.path / "sentinel") == "untouched");
  }
  void check_nothing() const { CHECK(paths() == std::vector<std::string>{"into", "sentinel"}); }
  void check_part(const std::string& content) const {
    CHECK(paths() == std::vector<std::string>{"into", "into/set.tar.gz.part", "sentinel"});
    CHECK((support::content(part) == content));  // not to be printed
  }
  void write_part(const std::string& content) const {
    fs::create_directories(into);
    engine::write_file(part, content);
  }
};

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("a data set is downloaded and unpacked once, and nothing else stays") {
  for (Format format : {Format::tar_gz, Format::zip}) {
    const Place place(format);
    const WebServer server([&](const std::string& request) { return reply_range(request, place.bytes); });
    std::vector<int64_t> told;
    const auto progress = [&](int64_t bytes, int64_t all) {
      CHECK(all == place.archive.bytes);
      told.push_back(bytes);
    };
    data::download(place.archive, place.into, server.url("/x"), progress);
    place.check_complete();
    CHECK(std::is_sorted(told.begin(), told.end()));
    CHECK(told.size() > 1);
    CHECK(told.back() == place.archive.bytes);
    CHECK(server.requests().size() == 1);
    CHECK(server.requests()[0].starts_with("GET /x "));
    CHECK_FALSE(has(server.requests()[0], "Range:"));

    place.write_part("left by a crash after the folder was there");
    data::download(place.archive, place.into, server.url("/x"));
    place.check_complete();
    CHECK(server.requests().size() == 1);
  }
}

TEST_CASE("without another URL the archive's own is asked, and a file's works as well") {
  Place place;
  const WebServer server([&](const std::string& request) { return reply_range(request, place.bytes); });
  place.archive.url = server.url("/over/there/set.tar.gz");
  data::download(place.archive, place.into);
  place.check_complete();
  CHECK(server.requests()[0].starts_with("GET /over/there/set.tar.gz "));

  fs::remove_all(place.into);
  const support::Scratch elsewhere("download-file");
  engine::write_file(elsewhere.path / "copy", place.bytes);
  const std::string url = "file://" + (elsewhere.path / "copy").string();
  place.write_part(place.bytes.substr(0, 70000));
  CHECK(place.error(url) == "");
  place.check_complete();
  fs::remove_all(place.into);
  engine::write_file(elsewhere.path / "copy", place.bytes + "more");
  CHECK(place.error(url) == engine::text(url, ": has ", place.bytes.size() + 4, " bytes, not ", place.bytes.size()));
  CHECK(has(place.error(url + "2"), url + "2: Couldn't open file"));
  place.check_nothing();
}

TEST_CASE("a transfer that breaks off is continued by the next call") {
  const Place place;
  const size_t half = place.bytes.size() / 2;
  const WebServer breaking([&](const std::string& request) {
    const std::string whole = reply_range(request, place.bytes);
    return whole.substr(0, whole.find("\r\n\r\n") + 4 + half);
  });
  const std::string error = place.error(breaking.url("/"));
  CHECK(error.starts_with(breaking.url("/") + ": "));
  CHECK(error.ends_with(
      engine::text("; ", half, " of ", place.bytes.size(), " bytes are there: running it again goes on from there")));
  place.check_part(place.bytes.substr(0, half));

  const WebServer server([&](const std::string& request) { return reply_range(request, place.bytes); });
  CHECK(place.error(server.url("/")) == "");
  CHECK(has(server.requests().at(0), engine::text("\r\nRange: bytes=", half, "-\r\n")));
  place.check_complete();
}

TEST_CASE("a server that cannot send the rest alone sends all again") {
  const Place place;
  const WebServer server([&](const std::string&) { return reply("200 OK", place.bytes); });
  place.write_part("a wrong beginning");
  CHECK(place.error(server.url("/")) == "");
  CHECK(has(server.requests().at(0), "\r\nRange: bytes=17-\r\n"));
  CHECK(server.requests().size() == 1);
  place.check_complete();
}

TEST_CASE("a part that the server cannot continue, or that is too long, is started anew") {
  const Place place;
  const WebServer never([&](const std::string& request) {
    return has(request, "Range:") ? reply("416 Range Not Satisfiable", "") : reply("200 OK", place.bytes);
  });
  place.write_part("a beginning");
  CHECK(place.error(never.url("/")) == "");
  CHECK(never.requests().size() == 2);
  place.check_complete();

  fs::remove_all(place.into);
  place.write_part(place.bytes + "and more");
  CHECK(place.error(never.url("/")) == "");
  CHECK(never.requests().size() == 3);
  place.check_complete();
}

TEST_CASE("what a crash leaves is used or cleared away") {
  const Place place;
  const WebServer server([&](const std::string& request) { return reply_range(request, place.bytes); });
  place.write_part(place.bytes);  // crashed while unpacking
  fs::create_directories(place.into / "set.unpacking/a.bin");
  engine::write_file(place.into / "set.unpacking/stale", "stale");
  engine::write_file(place.into / "set.tar.gz.lock", "");
  CHECK(place.error(server.url("/")) == "");
  CHECK(server.requests().empty());
  place.check_complete();
}

TEST_CASE("wrong bytes are told by their sum and removed") {
  const Place place;
  std::string wrong = place.bytes;
  wrong[wrong.size() / 2] ^= 1;
  const WebServer server([&](const std::string& request) { return reply_range(request, wrong); });
  CHECK(place.error(server.url("/")) == "set.tar.gz: the SHA-256 of what was downloaded is " + place.sum(wrong) +
                                            ", not " + place.archive.sha256 + ": it is removed");
  place.check_nothing();
}

TEST_CASE("a file of another length is refused before it is written, or stopped") {
  const Place place;
  const std::string longer = place.bytes + "!", shorter = place.bytes.substr(1), begun = place.bytes.substr(0, 1000);
  for (const std::string& file : {longer, shorter}) {
    for (bool resumed : {false, true}) {
      fs::remove_all(place.into);
      if (resumed) place.write_part(begun);
      const WebServer server([&](const std::string& request) { return reply_range(request, file); });
      CHECK(place.error(server.url("/")) ==
            engine::text(server.url("/"), ": has ", file.size(), " bytes, not ", place.bytes.size()));
      if (resumed) place.check_part(begun);
      else place.check_nothing();
    }
  }
  // Without a length the end of the connection is the end of the file.
  fs::remove_all(place.into);
  const WebServer unknown([&](const std::string&) { return "HTTP/1.1 200 OK\r\n\r\n" + longer; });
  CHECK(place.error(unknown.url("/")) ==
        engine::text(unknown.url("/"), ": has more than ", place.bytes.size(), " bytes"));
  place.check_nothing();
  const WebServer ends([&](const std::string&) { return "HTTP/1.1 200 OK\r\n\r\n" + shorter; });
  CHECK(has(place.error(ends.url("/")), ": the file is too short; "));
  const WebServer fits([&](const std::string&) { return "HTTP/1.1 200 OK\r\n\r\n" + place.bytes; });
  CHECK(place.error(fits.url("/")) == "");
  place.check_complete();
}

TEST_CASE("a server's refusal is an Error with the URL, and leaves what is there") {
  const Place place;
  for (const char* status : {"404 Not Found", "500 Internal Server Error", "304 Not Modified", "416 No"}) {
    for (const char* begun : {"", "a beginning"}) {
      fs::remove_all(place.into);
      if (*begun) place.write_part(begun);
      const WebServer server([&](const std::string&) { return reply(status, "the page of the error"); });
      CHECK(place.error(server.url("/x")) == server.url("/x") + ": HTTP status " + std::string(status).substr(0, 3));
      if (*begun) place.check_part(begun);
      else place.check_nothing();
    }
  }
  fs::remove_all(place.into);
  std::string closed;
  {
    const WebServer server([&](const std::string&) { return ""; });
    closed = server.url("/");
    CHECK(place.error(closed) == closed + ": Empty reply from server");
  }
  CHECK(has(place.error(closed), closed + ": Failed to connect to 127.0.0.1"));
  CHECK(has(place.error("ftp://127.0.0.1/x"), "ftp://127.0.0.1/x: only http, https and file are read"));
  CHECK(has(place.error("nonsense://x"), "nonsense://x: only http"));
  place.check_nothing();
}

TEST_CASE("redirects are followed with the range, but not for ever and not to a file") {
  const Place place;
  const WebServer target([&](const std::string& request) { return reply_range(request, place.bytes); });
  const auto redirect = [](const std::string& to) {
    return [to](const std::string&) { return reply("302 Found", "<p>it moved</p>", "Location: " + to + "\r\n"); };
  };
  const WebServer server(redirect(target.url("/moved")));
  place.write_part(place.bytes.substr(0, 1000));
  CHECK(place.error(server.url("/")) == "");
  CHECK(target.requests().at(0).starts_with("GET /moved "));
  CHECK(has(target.requests().at(0), "Range: bytes=1000-"));
  place.check_complete();

  fs::remove_all(place.into);
  const support::Scratch elsewhere("download-file");
  engine::write_file(elsewhere.path / "copy", place.bytes);
  const std::string file = "file://" + (elsewhere.path / "copy").string();
  CHECK(has(place.error(WebServer(redirect(file)).url("/")), file + ": only http"));
  const WebServer round(redirect("/again"));
  CHECK(place.error(round.url("/")) == round.url("/again") + ": too many redirects");
  CHECK(round.requests().size() == 10);
  CHECK(
      has(place.error(WebServer(redirect("http://127.0.0.1:1/")).url("/")), "http://127.0.0.1:1/: Failed to connect"));
  place.check_nothing();
}

TEST_CASE("an archive with the right sum that is hostile all the same leaves no folder") {
  Place place;
  place.publish(support::make_archive(
      Format::tar_gz, {{"set/a.bin", std::string(200000, 'x')}, {"set/names.txt", "cat"}, {"../evil", "x"}}));
  const WebServer server([&](const std::string& request) { return reply_range(request, place.bytes); });
  const std::string refused = place.part.string() + ": member '../evil' lies outside set";
  CHECK(place.error(server.url("/")) == refused);
  place.check_part(place.bytes);
  CHECK(place.error(server.url("/")) == refused);
  CHECK(server.requests().size() == 1);
}

TEST_CASE("two processes do not download the same at once") {
  const Place place;
  const WebServer server([&](const std::string& request) { return reply_range(request, place.bytes); });
  fs::create_directories(place.into);
  {
    const engine::Descriptor other(::open((place.into / "set.tar.gz.lock").c_str(), O_RDWR | O_CREAT, 0666));
    REQUIRE(::flock(other.number, LOCK_EX) == 0);
    CHECK(place.error(server.url("/")) ==
          (place.into / "set.tar.gz.lock").string() + ": another process is downloading the same");
    CHECK(server.requests().empty());
    CHECK(fs::exists(place.into / "set.tar.gz.lock"));
    fs::create_directories(place.folder);  // as somebody may have made it, or left it in part
    CHECK(place.error(server.url("/")) ==
          place.folder.string() + ": is there, but not all of its files are: remove it to download it anew");
    for (const char* name : {"a.bin", "names.txt"}) std::ofstream(place.folder / name) << "whole";
    CHECK(place.error(server.url("/")) == "");  // as the other one has it finished, just before it lets go
    fs::remove_all(place.folder);
  }
  CHECK(place.error(server.url("/")) == "");
  place.check_complete();
}

TEST_CASE("a place that cannot be written to is named") {
  const Place place;
  engine::write_file(place.into, "a file");
  CHECK(place.error("http://127.0.0.1:1/").starts_with(place.into.string() + ": "));
  fs::remove(place.into);
  fs::create_directories(place.into);
  engine::write_file(place.folder, "a file");
  CHECK(place.error("http://127.0.0.1:1/") == place.folder.string() + ": is in the way: it is not a folder");
  fs::remove(place.folder);
  fs::create_directories(place.part);
  const WebServer server([&](const std::string& request) { return reply_range(request, place.bytes); });
  CHECK(place.error(server.url("/")).starts_with(place.part.string() + ": cannot be written: "));
}

TEST_CASE("what a data set's archive unpacks to is what its loader reads") {
  const support::Scratch scratch("download-datasets");
  for (const char* name : {"cifar10", "cifar100", "tiny-imagenet"}) {
    const data::Archive& archive = data::archive_of(name);
    CHECK(archive.sha256.size() == 64);
    CHECK(archive.sha256.find_first_not_of("0123456789abcdef") == std::string::npos);
    CHECK(archive.url.ends_with(archive.url.ends_with(".zip") ? archive.contents.folder + ".zip" : "-binary.tar.gz"));

    std::vector<support::ArchiveMember> members;
    for (const data::Member& member : archive.contents.members) {
      std::string content(static_cast<size_t>(member.bytes.value_or(10)), '\0');
      const size_t record = name == std::string("cifar10") ? 3073 : 3074;  // every class has its turn
      for (size_t i = 0; i * record < content.size() / record * record; ++i)
        content[(i + 1) * record - 3073] = static_cast<char>(i % (record == 3073 ? 10 : 100));
      members.push_back({archive.contents.folder + "/" + member.name, content});
    }
    if (members.empty()) {
      const std::string picture = support::jpeg(64, 64, 3).first;
      members = {{"tiny-imagenet-200/wnids.txt", "n01\n"},
                 {"tiny-imagenet-200/train/n01/images/1.JPEG", picture},
                 {"tiny-imagenet-200/val/images/2.JPEG", picture},
                 {"tiny-imagenet-200/val/val_annotations.txt", "2.JPEG\tn01\n"}};
    }
    data::Archive ours = archive;
    const std::string bytes =
        support::make_archive(archive.url.ends_with(".zip") ? Format::zip : Format::tar_gz, members);
    engine::write_file(scratch.path / "archive", bytes);
    ours.bytes = static_cast<int64_t>(bytes.size());
    ours.sha256 = data::checksum(scratch.path / "archive");
    data::download(ours, scratch.path, "file://" + (scratch.path / "archive").string());
    for (data::Split split : {data::Split::train, data::Split::test}) {
      CHECK(data::load_dataset(name, split, {.folder = scratch.path}).count() > 0);
    }
    fs::remove_all(scratch.path / archive.contents.folder);
  }
  CHECK_THROWS_WITH(data::archive_of("shapes"),
                    "unknown data set to download 'shapes': known: cifar10, cifar100, tiny-imagenet");
}
