#include "nn/weights.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include "engine/file.h"
#include "nn/networks.h"
#include "nn/networks/residual.h"
#include "tests/support/noise.h"
#include "tests/support/numbers.h"
#include "tests/support/scratch.h"

using namespace support;
using engine::Variable;

namespace {

const std::string recorded = DEMIX_SOURCE_DIR "/tests/recorded/";

std::vector<Tensor> copy_of(const nn::Module& network) {
  std::vector<Tensor> values;
  for (const nn::Entry& entry : nn::state_of(network)) values.push_back(entry.variable.value().clone());
  return values;
}

bool same(const nn::Module& network, const std::vector<Tensor>& values) {
  const nn::State state = nn::state_of(network);
  return std::equal(
      state.begin(), state.end(), values.begin(), values.end(),
      [](const nn::Entry& entry, const Tensor& value) { return same_bits(entry.variable.value(), value); });
}

/// A file's tensors, to be written again with a change.
struct Contents {
  std::vector<nn::NewTensor> tensors;
  nn::Metadata metadata;

  explicit Contents(const std::filesystem::path& path) {
    const nn::SafetensorsFile file = nn::read_safetensors(path);
    for (const nn::SafeTensor& t : file.header.tensors) {
      const std::string bytes = file.values.substr(t.begin, t.end - t.begin);
      tensors.push_back({t.name, t.dtype, t.shape, [bytes](char* to) { std::copy(bytes.begin(), bytes.end(), to); }});
    }
    metadata = file.header.metadata;
  }
  nn::NewTensor& operator[](const std::string& name) {
    return *std::find_if(tensors.begin(), tensors.end(), [&](const nn::NewTensor& t) { return t.name == name; });
  }
  void write(const std::filesystem::path& path) const { nn::write_safetensors(path, tensors, metadata); }
};

/// The small network whose weights official.safetensors holds.
std::unique_ptr<nn::Network> small_network(const nn::NetworkOptions& options = {}) {
  return nn::residual_network({.blocks = {1, 1}, .width = 4}, options);
}

/// Every value as fill() of tests/recorded/networks.py sets it; the index of a convolution's weight is PyTorch's.
void fill(nn::Module& network) {
  for (const nn::Entry& entry : nn::state_of(network)) {
    Tensor values = entry.variable.value();
    const Shape& s = values.shape();
    const int64_t ic = s.rank() == 4 ? s[3] : 1, pixels = s.rank() == 4 ? s[1] * s[2] : 1;
    const uint32_t stream = stream_of(entry.name);
    for (int64_t i = 0; i < values.elements(); ++i) {
      const int64_t oc = i / ic / pixels, p = i / ic % pixels, k = i % ic;
      const double u = noise(static_cast<uint64_t>((oc * ic + k) * pixels + p), stream);
      double value = u / 2;
      if (s.rank() > 1) value = u * std::sqrt(3 / static_cast<double>(s.elements() / s[0]));
      else if (entry.name.ends_with("weight") || entry.name.ends_with("running_var")) value = 1 + u / 2;
      values.data()[i] = static_cast<float>(value);
    }
  }
}

std::vector<float> logits_of(nn::Network& network, int64_t size) {
  Tensor images({2, size, size, 3});
  for (int64_t i = 0; i < images.elements(); ++i) {
    const int64_t colour = i / (size * size * 3) * 3 + i % 3;
    images.data()[i] = 2 * noise(static_cast<uint64_t>(i), stream_of("images")) +
                       noise(static_cast<uint64_t>(colour), stream_of("colours"));
  }
  const engine::NoGrad no_grad;
  return network.forward(Variable(images), nn::Mode::eval).value().to_vector();
}

nlohmann::json recorded_cases() { return nlohmann::json::parse(std::ifstream(recorded + "networks.json"))["cases"]; }

std::vector<double> expected_logits(const nlohmann::json& record) {
  std::vector<double> all;
  for (const auto& row : record["logits"]) all.insert(all.end(), row.begin(), row.end());
  return all;
}

}  // namespace

TEST_CASE("networks have the logits of their PyTorch twins, from the same weights and images") {
  int checked = 0;
  for (const auto& record : recorded_cases()) {
    const std::string name = record["network"], stem = record["stem"];
    CAPTURE(name);
    CAPTURE(stem);
    const int64_t size = record["size"];
    const nn::NetworkOptions options{.size = size, .stem = stem == "cifar" ? nn::Stem::cifar : nn::Stem::imagenet};
    const auto network = name == "small" ? small_network(options) : nn::make_network(name, options);
    fill(*network);
    CHECK(relative_error(logits_of(*network, size), expected_logits(record)) < 1e-4);
    ++checked;
  }
  CHECK(checked == 9);
}

TEST_CASE("weights that the safetensors package wrote are read, and written again byte for byte") {
  const Scratch folder("weights");
  const auto network = small_network();
  CHECK_FALSE(nn::load_weights(*network, recorded + "official.safetensors"));
  const auto cases = recorded_cases();
  CHECK(relative_error(logits_of(*network, 32), expected_logits(cases.back())) < 1e-4);
  nn::save_weights(*network, folder.path / "w.safetensors");
  CHECK((content(folder.path / "w.safetensors") == content(recorded + "official.safetensors")));
}

TEST_CASE("saved weights come back bit for bit") {
  const Scratch folder("weights");
  for (const char* name : {"linear", "resnet20", "resnet18", "resnext50", "wrn28-2"}) {
    CAPTURE(name);
    const auto saved = nn::make_network(name, {.seed = 1}), loaded = nn::make_network(name, {.seed = 2});
    fill(*saved);
    nn::save_weights(*saved, folder.path / "w.safetensors");
    CHECK_FALSE(nn::load_weights(*loaded, folder.path / "w.safetensors"));
    CHECK(same(*loaded, copy_of(*saved)));
  }
}

TEST_CASE("the file has PyTorch's layout of convolutions and a counter for every batch norm") {
  const Scratch folder("weights");
  const auto network = nn::make_network("resnet18", {.classes = 100, .seed = 1});
  nn::save_weights(*network, folder.path / "w.safetensors", {{"classes", "a b"}, {"format", "other"}});
  const nn::SafetensorsFile file = nn::read_safetensors(folder.path / "w.safetensors");
  CHECK(file.header.metadata == nn::Metadata{{"classes", "a b"}, {"format", "pt"}});
  CHECK(file.header.tensors.size() == 122);
  int counters = 0;
  for (const nn::SafeTensor& t : file.header.tensors) {
    if (t.name.ends_with("num_batches_tracked")) {
      ++counters;
      CHECK((t.dtype == "I64" && t.shape.empty()));
      CHECK(file.values.substr(t.begin, t.end - t.begin) == std::string(8, '\0'));
    }
    if (t.name == "conv1.weight") {
      CHECK(t.shape == std::vector<uint64_t>{64, 3, 3, 3});
      const Tensor w = nn::state_of(*network)[0].variable.value();  // (oc, kh, kw, ic)
      for (int64_t i = 0; i < w.elements(); ++i) {
        const int64_t oc = i / 27, p = i % 27 / 3, ic = i % 3;
        float value = 0;
        std::memcpy(&value, file.values.data() + t.begin + static_cast<uint64_t>(4 * ((oc * 3 + ic) * 9 + p)), 4);
        CHECK(value == w.data()[i]);
      }
    }
  }
  CHECK(counters == 20);
}

TEST_CASE("weights that do not fit are refused by name, and the network stays as it was") {
  const Scratch folder("weights");
  const auto path = folder.path / "w.safetensors";
  const auto network = small_network({.seed = 1});
  const std::vector<Tensor> before = copy_of(*network);
  const auto refusal = [&](const Contents& contents) {
    contents.write(path);
    std::string message;
    try {
      nn::load_weights(*network, path, nn::HeadPolicy::may_differ);
    } catch (const engine::Error& error) {
      message = error.what();
      REQUIRE(message.starts_with(path.string() + ": "));
      message = message.substr(path.string().size() + 2);
    }
    CHECK(same(*network, before));
    return message;
  };
  const Contents good(recorded + "official.safetensors");
  const auto with = [&](auto change) {
    Contents contents = good;
    change(contents);
    return refusal(contents);
  };

  CHECK(with([](Contents& c) { c["layer2.0.bn2.bias"].name = "layer2.0.bn2.bia"; }) ==
        R"(has no tensor "layer2.0.bn2.bias")");
  CHECK(with([](Contents& c) {
          c["layer2.0.conv2.weight"].shape = {8, 8, 9, 1};
        }) ==
        R"(tensor "layer2.0.conv2.weight" is F32 of shape [8, 8, 9, 1], the network's F32 of shape [8, 8, 3, 3])");
  CHECK(with([](Contents& c) { c["conv1.weight"].dtype = "I32"; }) ==
        R"(tensor "conv1.weight" is I32 of shape [4, 3, 3, 3], the network's F32 of shape [4, 3, 3, 3])");
  CHECK(with([](Contents& c) {
          c["bn1.bias"].shape = {2, 2};
        }) == R"(tensor "bn1.bias" is F32 of shape [2, 2], the network's F32 of shape [4])");
  CHECK(with([](Contents& c) { c["bn1.num_batches_tracked"].dtype = "F64"; }) ==
        R"(tensor "bn1.num_batches_tracked" is F64 of shape [], the network's I64 of shape [])");
  CHECK(with([](Contents& c) { c["bn1.num_batches_tracked"].shape = {1}; }) ==
        R"(tensor "bn1.num_batches_tracked" is I64 of shape [1], the network's I64 of shape [])");
  CHECK(with([](Contents& c) { c["bn1.num_batches_tracked"].name = "bn3.num_batches_tracked"; }) ==
        R"(tensor "bn3.num_batches_tracked" is none of the network's)");
  CHECK(with([](Contents& c) {
          c.tensors.push_back({"conv1.bias", "F32", {0}, [](char*) {}});
        }) == R"(tensor "conv1.bias" is none of the network's)");
  CHECK(with([](Contents& c) {
          c["fc.weight"].shape = {8, 10};
        }) == R"(tensor "fc.weight" is F32 of shape [8, 10], the network's F32 of shape [10, 8])");
  CHECK(with([](Contents& c) { c["bn1.bias"].name = "module.bn1.bias"; }) == R"(has no tensor "bn1.bias")");
  engine::write_file(path, "");
  CHECK_THROWS_AS(nn::load_weights(*network, path), engine::Error);
  CHECK(same(*network, before));
}

TEST_CASE(
    "files without counters, with other counts and with the prefixes of DataParallel and torch.compile are read") {
  const Scratch folder("weights");
  const auto path = folder.path / "w.safetensors";
  const auto expected = small_network();
  nn::load_weights(*expected, recorded + "official.safetensors");
  const auto read = [&](auto change) {
    Contents contents(recorded + "official.safetensors");
    change(contents);
    contents.write(path);
    const auto network = small_network({.seed = 3});
    CHECK_FALSE(nn::load_weights(*network, path));
    CHECK(same(*network, copy_of(*expected)));
    CHECK(nn::weight_info(path).classes == 10);
  };
  read([](Contents& c) {
    std::erase_if(c.tensors, [](const nn::NewTensor& t) { return t.name.ends_with("num_batches_tracked"); });
  });
  read([](Contents& c) { c["bn1.num_batches_tracked"].fill = [](char* to) { std::memset(to, 7, 8); }; });
  for (const char* prefix : {"module.", "_orig_mod.", "_orig_mod.module.", "module._orig_mod."}) {
    CAPTURE(prefix);
    read([&](Contents& c) {
      for (nn::NewTensor& t : c.tensors) t.name = prefix + t.name;
    });
  }
}

TEST_CASE("a head for other classes is refused, or left out where the caller allows it") {
  const Scratch folder("weights");
  const auto path = folder.path / "w.safetensors";
  for (const char* name : {"linear", "resnet20", "wrn28-2"}) {
    CAPTURE(name);
    const auto saved = nn::make_network(name, {.classes = 100, .seed = 1});
    nn::save_weights(*saved, path, {{"made by", "a test"}});
    CHECK(nn::weight_info(path).classes == 100);
    CHECK(nn::weight_info(path).metadata == nn::Metadata{{"format", "pt"}, {"made by", "a test"}});

    const auto network = nn::make_network(name, {.classes = 10, .seed = 2});
    const std::vector<Tensor> before = copy_of(*network), theirs = copy_of(*saved);
    CHECK_THROWS_WITH(nn::load_weights(*network, path),
                      doctest::Contains(": the head is for 100 classes, the network's for 10"));
    CHECK(same(*network, before));
    CHECK(nn::load_weights(*network, path, nn::HeadPolicy::may_differ) == 100);
    const nn::State state = nn::state_of(*network);
    for (size_t i = 0; i < state.size(); ++i) {
      CAPTURE(state[i].name);
      const bool head = state[i].name == "fc.weight" || state[i].name == "fc.bias";
      CHECK(same_bits(state[i].variable.value(), head ? before[i] : theirs[i]));
    }
    const auto twin = nn::make_network(name, {.classes = 100, .seed = 2});
    CHECK_FALSE(nn::load_weights(*twin, path, nn::HeadPolicy::may_differ));
    CHECK(same(*twin, theirs));
  }
  // A head whose two parts disagree is no head for other classes.
  Contents contents(path);
  contents["fc.bias"] = {"fc.bias", "F32", {99}, [](char* to) { std::memset(to, 0, 99 * 4); }};
  contents.write(path);
  const auto network = nn::make_network("wrn28-2", {});
  CHECK_THROWS_WITH(nn::load_weights(*network, path, nn::HeadPolicy::may_differ),
                    doctest::Contains(R"(tensor "fc.bias" is F32 of shape [99], the network's F32 of shape [100])"));
  for (const std::vector<uint64_t>& shape : {std::vector<uint64_t>{0}, {0, 8}, {uint64_t{1} << 40, 0}}) {
    nn::write_safetensors(path, {{"fc.weight", "F32", shape, [](char*) {}}}, {});
    CHECK_THROWS_WITH(nn::weight_info(path), doctest::Contains(", not [classes, features]"));
  }
  nn::write_safetensors(path, {}, {});
  CHECK_THROWS_WITH(nn::weight_info(path), doctest::Contains("has no tensor \"fc.weight\""));
}
