#include "nn/safetensors.h"

#include <doctest/doctest.h>

#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>

#include "engine/error.h"
#include "tests/support/scratch.h"

using namespace support;

namespace {

/// The bytes of a file: a header, its length before it, values of so many bytes after it.
std::string file_of(const std::string& header, size_t values = 0) {
  const uint64_t length = header.size();
  std::string file(sizeof length, '\0');
  std::memcpy(file.data(), &length, sizeof length);
  return file + header + std::string(values, 'v');
}

/// A file of its own that tests write again and again.
struct Sample {
  Scratch folder{"safetensors"};
  std::filesystem::path path = folder.path / "a.safetensors";

  void write(const std::string& bytes) const { std::ofstream(path, std::ios::binary) << bytes; }

  nn::SafetensorsFile read(const std::string& bytes) const {
    write(bytes);
    return nn::read_safetensors(path);
  }

  /// What the Error says about the file; nothing where it was accepted.
  std::string refusal(const std::string& bytes) const {
    std::string message;
    try {
      read(bytes);
    } catch (const engine::Error& error) {
      message = error.what();
      const std::string name = path.string() + ": ";
      REQUIRE(message.starts_with(name));
      message = message.substr(name.size());
      CHECK(message.find('\n') == std::string::npos);
      CHECK_THROWS_AS(nn::read_safetensors_header(path), engine::Error);
    }
    return message;
  }
};

/// A header of these entries.
std::string object(const std::vector<std::string>& entries) {
  std::string all;
  for (const std::string& entry : entries) all += engine::text(all.empty() ? "" : ",", entry);
  return engine::text("{", all, "}");
}

/// A tensor as an entry of a header.
std::string tensor(const std::string& name, const std::string& dtype, const std::string& shape,
                   const std::string& offsets) {
  return engine::text('"', name, R"(":{"dtype":")", dtype, R"(","shape":)", shape, R"(,"data_offsets":)", offsets, "}");
}

const std::string small = object({tensor("a", "F32", "[2]", "[0,8]"), tensor("b", "U8", "[3,1]", "[8,11]"),
                                  R"("__metadata__":{"format":"pt","x":""})"});

}  // namespace

TEST_CASE("a safetensors file is read as its header says, whatever order the header has") {
  const Sample sample;
  const nn::SafetensorsFile file = sample.read(
      file_of(object({R"("__metadata__":{"format":"pt","k\u00e9y":"v\n"})", tensor("z", "I64", "[]", "[12,20]"),
                      tensor("none", "BF16", "[4,0,2]", "[12,12]"), tensor("a", "F32", "[3,1]", "[0,12]")}),
              20));
  CHECK(file.values == std::string(20, 'v'));
  CHECK(file.header.metadata == nn::Metadata{{"format", "pt"}, {"k\xc3\xa9y", "v\n"}});
  REQUIRE(file.header.tensors.size() == 3);
  const nn::SafeTensor &a = file.header.tensors[0], &none = file.header.tensors[1], &z = file.header.tensors[2];
  CHECK((a.name == "a" && a.dtype == "F32" && a.begin == 0 && a.end == 12));
  CHECK(a.shape == std::vector<uint64_t>{3, 1});
  CHECK((none.name == "none" && none.dtype == "BF16" && none.begin == 12 && none.end == 12));
  CHECK(none.shape == std::vector<uint64_t>{4, 0, 2});
  CHECK((z.name == "z" && z.dtype == "I64" && z.begin == 12 && z.end == 20));
  CHECK(z.shape.empty());
  CHECK(nn::read_safetensors_header(sample.path).tensors.size() == 3);
}

TEST_CASE("white space around the header, empty headers and every dtype are accepted") {
  const Sample sample;
  for (const char* header : {"{}", " \t\r\n{}", "{}  \n", R"({"__metadata__":{}})"}) {
    CAPTURE(header);
    CHECK(sample.refusal(file_of(header)) == "");
  }
  for (const auto& [bytes, names] :
       std::vector<std::pair<int, std::vector<std::string>>>{{1, {"BOOL", "U8", "I8", "F8_E5M2", "F8_E4M3"}},
                                                             {2, {"I16", "U16", "F16", "BF16"}},
                                                             {4, {"I32", "U32", "F32"}},
                                                             {8, {"F64", "I64", "U64"}}}) {
    for (const std::string& dtype : names) {
      CAPTURE(dtype);
      const std::string header = object({tensor("a", dtype, "[3]", engine::text("[0,", 3 * bytes, "]"))});
      CHECK(sample.refusal(file_of(header, static_cast<size_t>(3 * bytes))) == "");
    }
  }
}

TEST_CASE("a file that breaks a rule of safetensors is refused with the rule") {
  const Sample sample;
  const auto numbers = [](const char* shape, const char* offsets) {
    return object({tensor("a", "F32", shape, offsets)});
  };
  struct Broken {
    std::string header;
    std::string message;
  };
  for (const Broken& broken : std::vector<Broken>{
           // The header is a JSON object, and nothing else.
           {"", "byte 8: the header does not start with {"},
           {"  ", "byte 10: the header does not start with {"},
           {"\n[]", "byte 9: the header does not start with {"},
           {"\xef\xbb\xbf{}", "byte 8: the header does not start with {"},
           {"{", "byte 9: the header is not valid JSON here"},
           {"{} {}", "byte 11: the header is not valid JSON here"},
           {"{}\v", "byte 10: the header is not valid JSON here"},
           {std::string("{}\0", 3), "byte 10: the header is not valid JSON here"},
           {"{\"\xff\":0}", "byte 10: the header is not valid JSON here"},
           {"{\"\xc0\x80\":0}", "byte 10: the header is not valid JSON here"},
           {R"({"\ud800":0})", "byte 16: the header is not valid JSON here"},
           {"{//\n}", "byte 9: the header is not valid JSON here"},
           {"{'a':0}", "byte 9: the header is not valid JSON here"},
           {object({tensor("a", "U8", "[0]", "[0,0]"), ""}), "byte 61: the header is not valid JSON here"},
           // Keys
           {object({tensor("a", "U8", "[0]", "[0,0]"), tensor("a", "U8", "[0]", "[0,0]")}),
            R"(the key "a" appears twice)"},
           {R"({"__metadata__":{},"__metadata__":{}})", R"(the key "__metadata__" appears twice)"},
           {R"({"__metadata__":{"k":"1","k":"2"}})", R"(__metadata__: the key "k" appears twice)"},
           {R"({"a":{"dtype":"U8","shape":[0],"shape":[0],"data_offsets":[0,0]}})",
            R"(tensor "a": the key "shape" appears twice)"},
           {R"({"a":{"dtype":"U8","d\u0074ype":"U8","shape":[0],"data_offsets":[0,0]}})",
            R"(tensor "a": the key "dtype" appears twice)"},
           {R"({"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0],"strides":[1]}})",
            R"(tensor "a": unknown key "strides")"},
           {R"({"a":{"shape":[0],"data_offsets":[0,0]}})", R"(tensor "a": has no dtype)"},
           {R"({"a":{"dtype":"U8","data_offsets":[0,0]}})", R"(tensor "a": has no shape)"},
           {R"({"a":{"dtype":"U8","shape":[0]}})", R"(tensor "a": has no data_offsets)"},
           // Types
           {R"({"a":[]})", R"("a" is not an object)"},
           {R"({"a":null})", R"("a" is not an object)"},
           {R"({"__metadata__":"pt"})", R"("__metadata__" is not an object)"},
           {R"({"__metadata__":{"k":1}})", R"(__metadata__: "k" is not a string)"},
           {R"({"__metadata__":{"k":{}}})", R"(__metadata__: "k" is not a string)"},
           {R"({"__metadata__":{"k":["v"]}})", R"(__metadata__: "k" is not a string)"},
           {R"({"__metadata__":{"k":null}})", R"(__metadata__: "k" is not a string)"},
           {R"({"a":{"dtype":1}})", R"(tensor "a": dtype is not a string)"},
           {R"({"a":{"dtype":["F32"]}})", R"(tensor "a": dtype is not a string)"},
           {R"({"a":{"shape":4}})", R"(tensor "a": shape is not a list of numbers)"},
           {R"({"a":{"shape":"4"}})", R"(tensor "a": shape is not a list of numbers)"},
           {R"({"a":{"shape":{}}})", R"(tensor "a": shape is not a list of numbers)"},
           {R"({"a":{"data_offsets":true}})", R"(tensor "a": data_offsets is not a list of numbers)"},
           {object({tensor("a", "F31", "[0]", "[0,0]")}), R"(tensor "a": unknown dtype "F31")"},
           {object({tensor("a", "f32", "[0]", "[0,0]")}), R"(tensor "a": unknown dtype "f32")"},
           // Shapes
           {numbers("[-1]", "[0,4]"), R"(tensor "a": shape may hold only whole numbers from 0 to 281474976710655)"},
           {numbers("[1.0]", "[0,4]"), R"(tensor "a": shape may hold only whole numbers)"},
           {numbers("[1e0]", "[0,4]"), R"(tensor "a": shape may hold only whole numbers)"},
           {numbers("[-0]", "[0,0]"), R"(tensor "a": shape may hold only whole numbers)"},
           {numbers("[true]", "[0,4]"), R"(tensor "a": shape may hold only whole numbers)"},
           {numbers("[\"1\"]", "[0,4]"), R"(tensor "a": shape may hold only whole numbers)"},
           {numbers("[[1]]", "[0,4]"), R"(tensor "a": shape may hold only whole numbers)"},
           {numbers("[{}]", "[0,4]"), R"(tensor "a": shape may hold only whole numbers)"},
           {numbers("[281474976710656]", "[0,4]"), R"(tensor "a": shape may hold only whole numbers)"},
           {numbers("[18446744073709551617]", "[0,4]"), R"(tensor "a": shape may hold only whole numbers)"},
           {numbers("[281474976710655,281474976710655]", "[0,4]"),
            R"(tensor "a": shape [281474976710655, 281474976710655] is too large)"},
           {numbers("[4294967296,1073741824]", "[0,0]"), R"(tensor "a": shape [4294967296, 1073741824] is too large)"},
           // Offsets
           {numbers("[1]", "[0]"), R"(tensor "a": data_offsets holds 1 numbers, not 2)"},
           {numbers("[1]", "[0,4,4]"), R"(tensor "a": data_offsets holds 3 numbers, not 2)"},
           {numbers("[1]", "[0,4.0]"), R"(tensor "a": data_offsets may hold only whole numbers)"},
           {numbers("[1]", "[-4,0]"), R"(tensor "a": data_offsets may hold only whole numbers)"},
           {numbers("[1]", "[4,0]"), R"(tensor "a": data_offsets [4, 0] end before they begin)"},
           {numbers("[1,2]", "[0,4]"), R"(tensor "a": data_offsets [0, 4] are 4 bytes, but F32 of shape [1, 2] has 8)"},
           {numbers("[]", "[0,0]"), R"(tensor "a": data_offsets [0, 0] are 0 bytes, but F32 of shape [] has 4)"},
       }) {
    CAPTURE(broken.header);
    CHECK(sample.refusal(file_of(broken.header)).substr(0, broken.message.size()) == broken.message);
  }
}

TEST_CASE("a safetensors file whose tensors do not cover its values exactly is refused") {
  const Sample sample;
  const auto refusal = [&](size_t values, std::initializer_list<const char*> offsets) {
    std::vector<std::string> entries;
    for (const char* range : offsets) {
      const std::string name(1, static_cast<char>('a' + entries.size()));
      const int bytes = std::atoi(std::strchr(range, ',') + 1) - std::atoi(range + 1);
      entries.push_back(tensor(name, "U8", engine::text("[", bytes, "]"), range));
    }
    return sample.refusal(file_of(object(entries), values));
  };
  CHECK(refusal(8, {"[0,4]", "[4,8]"}) == "");
  CHECK(refusal(8, {"[4,8]", "[0,4]"}) == "");
  CHECK(refusal(8, {"[0,4]", "[4,4]", "[4,8]", "[8,8]", "[0,0]"}) == "");
  CHECK(refusal(9, {"[0,4]", "[4,8]"}) == "1 bytes after the last tensor belong to none");
  CHECK(refusal(7, {"[0,4]", "[4,8]"}) == R"(tensor "b" ends at byte 8 of the values, but the file ends at 7)");
  CHECK(refusal(8, {"[0,4]", "[5,8]"}) ==
        R"(tensor "b" leaves a hole before it: it begins at byte 5 of the values, not at 4)");
  CHECK(refusal(8, {"[1,8]"}) == R"(tensor "a" leaves a hole before it: it begins at byte 1 of the values, not at 0)");
  CHECK(refusal(8, {"[0,4]", "[3,8]"}) ==
        R"(tensor "b" overlaps the tensor before it: it begins at byte 3 of the values, not at 4)");
  CHECK(refusal(8, {"[0,8]", "[0,8]"}) ==
        R"(tensor "b" overlaps the tensor before it: it begins at byte 0 of the values, not at 8)");
  CHECK(refusal(8, {"[0,8]", "[4,4]"}) ==
        R"(tensor "b" overlaps the tensor before it: it begins at byte 4 of the values, not at 8)");
}

TEST_CASE("a length of the header that is too large, or beyond the file, is refused before anything is read") {
  const Sample sample;
  const auto with_length = [](uint64_t length) {
    std::string file = file_of("{}");
    std::memcpy(file.data(), &length, sizeof length);
    return file;
  };
  CHECK(sample.refusal(with_length(3)) == "a header of 3 bytes is beyond the end of the file");
  CHECK(sample.refusal(with_length(100'000'000)) == "a header of 100000000 bytes is beyond the end of the file");
  CHECK(sample.refusal(with_length(100'000'001)) == "a header of 100000001 bytes is above the limit of 100000000");
  CHECK(sample.refusal(with_length(~uint64_t{0})) ==
        "a header of 18446744073709551615 bytes is above the limit of 100000000");
  CHECK(sample.refusal(std::string(7, '\0')) == "has 7 bytes, too few for a safetensors file");
  std::filesystem::remove(sample.path);
  CHECK_THROWS_WITH(nn::read_safetensors(sample.path), doctest::Contains("a.safetensors: No such file"));
  CHECK_THROWS_AS(nn::read_safetensors(sample.folder.path), engine::Error);
}

TEST_CASE("deep nesting and long or unprintable names do no harm") {
  const Sample sample;
  CHECK(sample.refusal(file_of("{\"a\":" + std::string(1'000'000, '['))) == "\"a\" is not an object");
  std::string objects = "{";
  for (int i = 0; i < 100'000; ++i) objects += "\"a\":{";
  CHECK(sample.refusal(file_of(objects)) == R"(tensor "a": unknown key "a")");
  CHECK(sample.refusal(file_of(R"({"a\n\u001b\u0000":0})")) == R"("a\n\u001b\u0000" is not an object)");
  CHECK(sample.refusal(file_of("{\"" + std::string(1'000'000, 'a') + "\":0}")).size() < 200);
  std::string long_shape = "[1";
  for (int i = 0; i < 100'000; ++i) long_shape += ",1";
  long_shape += "]";
  CHECK(sample.refusal(file_of(object({tensor("a", "U8", long_shape, "[0,0]")}))) ==
        R"(tensor "a": data_offsets [0, 0] are 0 bytes, but U8 of shape [1, 1, 1, 1, 1, 1, 1, 1, ...] has 1)");
}

TEST_CASE("every shorter version of a safetensors file is refused") {
  const Sample sample;
  const std::string good = file_of(small, 11);
  REQUIRE(sample.refusal(good) == "");
  for (size_t size = 0; size < good.size(); ++size) {
    CAPTURE(size);
    CHECK(sample.refusal(good.substr(0, size)) != "");
  }
}

TEST_CASE("a safetensors file with a changed header is refused, or is read as what it then says") {
  const Sample sample;
  const std::string good = file_of(small, 11);
  int accepted = 0;
  for (size_t at = 0; at < good.size() - 11; ++at) {
    for (const int change : {1, 2, 4, 8, 16, 32, 64, 128, 255}) {
      CAPTURE(at);
      CAPTURE(change);
      std::string changed = good;
      changed[at] = static_cast<char>(changed[at] ^ change);
      if (sample.refusal(changed) != "") continue;
      ++accepted;
      // The parser that builds a tree is the judge of what the header says.
      const auto header = nlohmann::json::parse(changed.begin() + 8, changed.end() - 11);
      const nn::SafetensorsFile file = sample.read(changed);
      CHECK(file.values == good.substr(good.size() - 11));
      CHECK(file.header.tensors.size() + header.contains("__metadata__") == header.size());
      uint64_t end = 0;
      for (const nn::SafeTensor& t : file.header.tensors) {
        CHECK(t.begin == end);
        end = t.end;
        CHECK(header[t.name]["dtype"] == t.dtype);
        CHECK(header[t.name]["shape"] == t.shape);
        CHECK(header[t.name]["data_offsets"] == std::vector<uint64_t>{t.begin, t.end});
      }
      CHECK(end == 11);
    }
  }
  CHECK(accepted > 50);  // other names, other metadata, U8 for I8
}

TEST_CASE("what is written is read again, in the reference implementation's order and padding") {
  const Sample sample;
  const auto bytes = [](size_t count, char value) { return [=](char* to) { std::memset(to, value, count); }; };
  nn::write_safetensors(sample.path,
                        {{"b", "F32", {2, 1}, bytes(8, 'b')},
                         {"flag", "BOOL", {}, bytes(1, 'f')},
                         {"a", "F32", {}, bytes(4, 'a')},
                         {"empty", "F16", {0, 3}, bytes(0, 'e')},
                         {"count", "I64", {1}, bytes(8, 'c')}},
                        {{"format", "pt"}, {"bad", "\xff"}});
  const std::string content = support::content(sample.path);
  uint64_t length = 0;
  std::memcpy(&length, content.data(), 8);
  CHECK(length % 8 == 0);
  CHECK(content[8] == '{');
  CHECK(length - (content.find_last_of('}') - 7) < 8);  // spaces after the header
  CHECK(content.substr(8 + length) == "ccccccccaaaabbbbbbbbf");
  const nn::SafetensorsFile file = nn::read_safetensors(sample.path);
  CHECK(file.header.metadata == nn::Metadata{{"format", "pt"}, {"bad", "\xef\xbf\xbd"}});
  std::string names;
  for (const nn::SafeTensor& t : file.header.tensors) names += t.name + " ";
  CHECK(names == "count a b empty flag ");

  const auto refused = [&](std::vector<nn::NewTensor> tensors, const char* message) {
    CHECK_THROWS_WITH(nn::write_safetensors(sample.path, std::move(tensors), {}), doctest::Contains(message));
    CHECK(support::content(sample.path) == content);
  };
  refused({{"a", "F32", {0}, bytes(0, 'a')}, {"a", "F32", {0}, bytes(0, 'a')}}, "tensor \"a\": the name is taken");
  refused({{"__metadata__", "F32", {0}, bytes(0, 'a')}}, "the name is taken");
  refused({{"a", "F31", {0}, bytes(0, 'a')}}, "unknown dtype \"F31\"");
  refused({{"a", "F32", {uint64_t{1} << 62}, bytes(0, 'a')}}, "is too large");
}
