#include "data/unpack.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <numeric>

#include "data/checksum.h"
#include "engine/error.h"
#include "tests/support/archive_file.h"
#include "tests/support/scratch.h"

using support::Format;
using support::noise;
using Members = std::vector<support::ArchiveMember>;

namespace fs = std::filesystem;

namespace {

/// A folder with a file beside the one to unpack to; all paths that are in it.
struct Place {
  support::Scratch scratch{"unpack"};
  const fs::path file = scratch.path / "archive", to = scratch.path / "inner/to";

  Place() {
    fs::create_directory(scratch.path / "inner");
    std::ofstream(scratch.path / "sentinel") << "untouched";
  }

  void unpack(const std::string& bytes, const data::Contents& contents) const {
    std::ofstream(file, std::ios::binary) << bytes;
    data::unpack(file, contents, to);
  }

  std::vector<std::string> paths() const {
    std::vector<std::string> list;
    for (const auto& entry : fs::recursive_directory_iterator(scratch.path)) {
      list.push_back(entry.path().lexically_relative(scratch.path).string());
    }
    std::sort(list.begin(), list.end());
    return list;
  }
};

/// Unpacks an archive that must be refused, with that text in the Error, and leave nothing.
void check_refused(const std::string& bytes, const data::Contents& contents, const std::string& part) {
  const Place place;
  std::string error;
  try {
    place.unpack(bytes, contents);
  } catch (const engine::Error& e) {
    error = e.what();
  }
  CHECK_MESSAGE(error.find(part) != std::string::npos, "'", error, "' has not '", part, "'");
  CHECK(place.paths() == std::vector<std::string>{"archive", "inner", "sentinel"});
  CHECK(support::content(place.scratch.path / "sentinel") == "untouched");
}

const data::Contents any{.folder = "set"}, known{.folder = "set", .members = {{"a.bin", 5}, {"names.txt"}}};
const Members good{{"set/", "", 'd'}, {"set/a.bin", "12345"}, {"set/names.txt", "cat\n"}};

}  // namespace

TEST_CASE("an archive's known members are unpacked, and others left out") {
  for (Format format : {Format::tar_gz, Format::zip}) {
    const Place place;
    fs::create_directories(place.to / "stale");
    Members members = good;
    members.push_back({"./set/sub/readme.html", "text"});
    place.unpack(support::make_archive(format, members), known);
    CHECK(place.paths() ==
          std::vector<std::string>{"archive", "inner", "inner/to", "inner/to/a.bin", "inner/to/names.txt", "sentinel"});
    CHECK(support::content(place.to / "a.bin") == "12345");
    CHECK(support::content(place.to / "names.txt") == "cat\n");
  }
}

TEST_CASE("all files of an archive are unpacked where their names are not known") {
  for (Format format : {Format::tar_gz, Format::zip}) {
    const Place place;
    const std::string big(300000, 'x');
    place.unpack(support::make_archive(format, {{"set/b/c/1", big}, {"set/b/2", ""}, {"./set/./3", "three"}}), any);
    CHECK(support::content(place.to / "b/c/1") == big);
    CHECK(support::content(place.to / "3") == "three");
    CHECK(fs::file_size(place.to / "b/2") == 0);
  }
}

TEST_CASE("a hostile member is refused by name, and nothing is written") {
  const auto refused = [](const support::ArchiveMember& member, const std::string& part) {
    for (Format format : {Format::tar_gz, Format::zip}) {
      if (format == Format::zip && std::string("hpc").find(member.type) != std::string::npos) continue;  // none in zip
      for (const data::Contents& contents : {any, known}) {
        Members members = good;
        members.push_back(member);
        members.push_back({member.name + "/evil", "through it"});
        check_refused(support::make_archive(format, members), contents, "member '" + member.name + "' " + part);
      }
    }
  };
  refused({"../evil", "x"}, "lies outside set");
  refused({"set/../../evil", "x"}, "lies outside set");
  refused({"set/sub/../a", "x"}, "lies outside set");
  refused({"/tmp/demix-evil", "x"}, "lies outside set");
  refused({"evil", "x"}, "lies outside set");
  refused({"settle/evil", "x"}, "lies outside set");
  refused({"../", "", 'd'}, "lies outside set");
  refused({"set/link", "..", 'l'}, "is neither a file nor a folder");
  refused({"set/link", "/etc/passwd", 'l'}, "is neither a file nor a folder");
  refused({"set/hard", "../../sentinel", 'h'}, "is neither a file nor a folder");
  refused({"set/hard", "set/a.bin", 'h'}, "is neither a file nor a folder");
  refused({"set/pipe", "", 'p'}, "is neither a file nor a folder");
  refused({"set/device", "", 'c'}, "is neither a file nor a folder");
  CHECK_FALSE(fs::exists("/tmp/demix-evil"));

  // A hard link that has bytes of its own looks like a file. Writers make none, so a file's header is changed: the
  // type, the target, and the sum of the header's bytes, for which the sum's own eight count as blanks.
  std::string tar = support::make_archive(Format::tar, {good[1], {"set/hard", std::string(600, 'x')}});
  char* header = &tar[tar.find("set/hard")];
  header[156] = '1';
  std::strcpy(header + 157, "set/a.bin");
  std::memset(header + 148, ' ', 8);
  std::snprintf(header + 148, 7, "%06o", std::accumulate(header, header + 512, 0u));
  check_refused(tar, any, "member 'set/hard' is neither a file nor a folder");
}

TEST_CASE("a member that appears twice, is missing or of the wrong size is refused by name") {
  for (Format format : {Format::tar_gz, Format::zip}) {
    const auto archive = [&](const Members& members) { return support::make_archive(format, members); };
    const auto with = [&](const support::ArchiveMember& member) {
      Members members = good;
      members.push_back(member);
      return archive(members);
    };
    check_refused(with({"set/a.bin", "12345"}), known, "member 'set/a.bin' appears twice");
    check_refused(with({"./set/a.bin", "12345"}), any, "member './set/a.bin' appears twice");
    check_refused(with({"set/a.bin/b", "12345"}), any, "member 'set/a.bin/b'");
    check_refused(with({"set", "a file where the folder is"}), any, "member 'set' appears twice");
    check_refused(archive({good[1]}), known, "member 'names.txt' is missing");
    check_refused(archive({good[2]}), known, "member 'a.bin' is missing");
    check_refused(archive({{"set/a.bin", "1234"}, good[2]}), known, "member 'set/a.bin' has 4 bytes, not 5");
    check_refused(archive({{"set/a.bin", "123456"}, good[2]}), known, "member 'set/a.bin' has more than 5 bytes");
  }
}

TEST_CASE("an archive that holds too much is stopped") {
  const std::string half(50000, 'x');
  for (Format format : {Format::tar_gz, Format::zip}) {
    const std::string bytes = support::make_archive(format, {{"set/1", half}, {"set/2", half}});
    const auto limits = [](int64_t entries, int64_t all, int64_t each) {
      return data::Contents{.folder = "set", .entries = entries, .bytes = all, .member_bytes = each};
    };
    check_refused(bytes, limits(1, 100000, 50000), "has more than 1 members");
    check_refused(bytes, limits(2, 99999, 50000), "member 'set/2': more than 99999 bytes in all");
    check_refused(bytes, limits(2, 100000, 49999), "member 'set/1' has more than 49999 bytes");
    const Place place;
    place.unpack(bytes, limits(2, 100000, 50000));
    CHECK(support::content(place.to / "2") == half);
  }
}

TEST_CASE("an archive that is damaged anywhere is refused or unpacks to the right sizes") {
  for (Format format : {Format::tar_gz, Format::zip}) {
    const data::Contents contents{.folder = "set", .members = {{"a.bin", 3000}, {"names.txt"}}};
    const std::string whole = support::make_archive(format, {{"set/a.bin", noise(3000)}, good[2]});
    int refused = 0, tried = 0;
    for (size_t at = 0; at < whole.size(); at += 41, ++tried) {
      std::string bytes = whole;
      bytes[at] ^= 0x55;
      const Place place;
      try {
        place.unpack(bytes, contents);
        CHECK(fs::file_size(place.to / "a.bin") == 3000);
      } catch (const engine::Error&) {
        ++refused;
        CHECK_FALSE(fs::exists(place.to));
      }
      CHECK(support::content(place.scratch.path / "sentinel") == "untouched");
    }
    CHECK(tried > 50);
    CHECK(refused > (format == Format::zip ? tried / 2 : 0));  // libarchive does not look at gzip's checksum
  }
  const std::string large = support::make_archive(Format::tar_gz, {{"set/1", noise(1000000)}, {"set/2", noise(1)}});
  check_refused(large.substr(0, large.size() / 2), any, "member 'set/1': truncated gzip input");
  std::string tar = support::make_archive(Format::tar, {{"set/1", "one"}, {"set/2", "two"}});
  ++tar[tar.find("set/2")];
  check_refused(tar, any, "Damaged tar archive");
  check_refused("neither of the two", any, "Unrecognized archive format");
  check_refused("", known, "");
}

TEST_CASE("checksums are the known ones") {
  const support::Scratch scratch("checksum");
  const fs::path file = scratch.path / "file";
  std::ofstream(file) << "";
  CHECK(data::checksum(file) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  std::ofstream(file) << "abc";
  CHECK(data::checksum(file) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(data::checksum(file, "md5") == "900150983cd24fb0d6963f7d28e17f72");
  std::ofstream(file) << std::string(1000000, 'a') + std::string(1 << 20, '\0');  // more than a block
  CHECK(data::checksum(file, "md5") == "01457a12758c8f8f9cf655c3bc9d4ba2");
  CHECK_THROWS_AS(data::checksum(file, "no such"), engine::Error);
  CHECK_THROWS_AS(data::checksum(scratch.path / "nowhere"), engine::Error);
  CHECK_THROWS_AS(data::checksum(scratch.path), engine::Error);
}
