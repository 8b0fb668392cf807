#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "engine/file.h"
#include "nn/networks.h"
#include "nn/weights.h"
#include "tests/support/numbers.h"
#include "tests/support/scratch.h"

using namespace support;

TEST_CASE("saved weights come back bit for bit") {
  const Scratch folder("weights");
  const auto saved = nn::make_network("resnet20", {.seed = 1}), loaded = nn::make_network("resnet20", {.seed = 2});
  nn::save_weights(*saved, folder.path / "w.safetensors");
  nn::load_weights(*loaded, folder.path / "w.safetensors");
  const nn::State a = nn::state_of(*saved), b = nn::state_of(*loaded);
  for (size_t i = 0; i < a.size(); ++i) CHECK(same_bits(a[i].variable.value(), b[i].variable.value()));
}

TEST_CASE("the file is a safetensors file with PyTorch's layout of convolutions") {
  const Scratch folder("weights");
  const auto network = nn::make_network("resnet20", {.seed = 1});
  nn::save_weights(*network, folder.path / "w.safetensors");
  const std::string file = engine::read_file(folder.path / "w.safetensors");
  uint64_t length = 0;
  std::memcpy(&length, file.data(), 8);
  CHECK(length % 8 == 0);
  const auto header = nlohmann::json::parse(file.substr(8, length));
  const auto& row = header["conv1.weight"];
  CHECK(row["dtype"] == "F32");
  CHECK(row["shape"] == nlohmann::json{16, 3, 3, 3});
  const Tensor w = nn::state_of(*network)[0].variable.value();  // (oc, kh, kw, ic)
  const uint64_t begin = row["data_offsets"][0];
  for (int64_t oc = 0; oc < 16; ++oc) {
    for (int64_t ic = 0; ic < 3; ++ic) {
      for (int64_t p = 0; p < 9; ++p) {
        float value = 0;
        std::memcpy(&value, file.data() + 8 + length + begin + static_cast<uint64_t>(4 * ((oc * 3 + ic) * 9 + p)), 4);
        CHECK(value == w.data()[(oc * 9 + p) * 3 + ic]);
      }
    }
  }
  // The ranges cover the values without hole or overlap.
  std::vector<std::pair<uint64_t, uint64_t>> ranges;
  for (const auto& entry : header) ranges.emplace_back(entry["data_offsets"][0], entry["data_offsets"][1]);
  std::sort(ranges.begin(), ranges.end());
  uint64_t end = 0;
  for (const auto& range : ranges) {
    CHECK(range.first == end);
    end = range.second;
  }
  CHECK(end == file.size() - 8 - length);
}

TEST_CASE("a weight file that does not fit is refused by name") {
  const Scratch folder("weights");
  const auto path = folder.path / "w.safetensors";
  const auto network = nn::make_network("linear", {});
  nn::save_weights(*network, path);
  const std::string good = engine::read_file(path);
  const auto refused = [&](const std::string& bytes) {
    engine::write_file(path, bytes);
    CHECK_THROWS_AS(nn::load_weights(*network, path), engine::Error);
  };
  for (size_t size : {size_t{0}, size_t{7}, size_t{8}, size_t{40}, good.size() - 1}) refused(good.substr(0, size));
  refused(std::string(8, '\xff') + good.substr(8));
  for (const auto& [from, to] :
       {std::pair{"fc.bias", "fc.xxxx"}, {"F32", "F16"}, {"[10]", "[11]"}, {"data_offsets", "data_offsetz"}}) {
    std::string bad = good;
    bad.replace(bad.find(from), std::strlen(from), to);
    refused(bad);
  }
  engine::write_file(path, good);
  nn::load_weights(*network, path);
  const auto other = nn::make_network("linear", {.classes = 9});
  CHECK_THROWS_AS(nn::load_weights(*other, path), engine::Error);
}
