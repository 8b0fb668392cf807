#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>

#include <cstdio>
#include <unordered_set>

#include "engine/cuda/conv_plan.h"

// What of cuDNN needs no GPU: its descriptors, and plans for a GPU that is only described.
using engine::GpuMath;
using engine::Shape;
using engine::cuda::allowed;
using engine::cuda::ConvKey;
using engine::cuda::ConvPass;
using engine::cuda::Descriptor;

int main(int argc, char** argv) {
  try {
    engine::cuda::cudnn();
  } catch (const engine::Error& error) {
    if (argc < 2 || std::string(argv[1]).find("--list") == std::string::npos) {
      std::printf("skipped: %s\n", error.what());
      return 77;
    }
  }
  return doctest::Context(argc, argv).run();
}

namespace {

/// An H100, by the numbers of its data sheet that matter to plans.
const std::string h100 =
    R"({"cudaDeviceId":0,"deviceVer":900,"driverVer":13000,"maxGridSize":[2147483647,65535,65535],)"
    R"("maxBlockSize":[1024,1024,64],"regsPerBlock":65536,"multiProcessorCount":132,"warpSize":32,)"
    R"("maxSharedMemoryPerBlock":49152,"maxSharedMemoryPerBlockOptin":232448,"reservedSharedMemoryPerBlock":1024,)"
    R"("maxRegistersPerSM":65536,"maxCtasPerSM":32,"maxThreadsPerBlock":1024,"maxThreadsPerSM":2048,"pciDeviceId":0,)"
    R"("isTccDriver":0,"supportCoopLaunch":1,"totalGlobalMem":85029158912,"smClockRateKHz":1980000,)"
    R"("memClockRateKHz":2619000,"l2CacheSize":52428800,"deviceName":"NVIDIA H100 80GB HBM3"})";

ConvKey key_of(ConvPass pass, int64_t n, int64_t size, int64_t ic, int64_t oc, int64_t kernel, int64_t stride,
               int64_t groups = 1) {
  const int64_t pad = kernel / 2, out = (size + 2 * pad - kernel) / stride + 1;
  ConvKey key;
  key.pass = pass;
  key.x = {n, size, size, ic};
  key.weight = {oc, kernel, kernel, ic / groups};
  key.y = {n, out, out, oc};
  key.stride = stride;
  key.pad = pad;
  key.groups = groups;
  return key;
}

/// Shapes of a ResNet-18 and a ResNeXt-50, and odd ones.
std::vector<ConvKey> keys() {
  std::vector<ConvKey> keys;
  for (const ConvPass pass : {ConvPass::forward, ConvPass::backward_data, ConvPass::backward_weight}) {
    keys.push_back(key_of(pass, 128, 32, 3, 64, 3, 1));
    keys.push_back(key_of(pass, 128, 32, 64, 64, 3, 1));
    keys.push_back(key_of(pass, 128, 32, 64, 128, 3, 2));
    keys.push_back(key_of(pass, 128, 32, 64, 128, 1, 2));
    keys.push_back(key_of(pass, 32, 32, 128, 128, 3, 1, 32));
    keys.push_back(key_of(pass, 2, 11, 2, 3, 7, 2));
    keys.push_back(key_of(pass, 1, 1, 5, 7, 3, 1));
  }
  ConvKey added = key_of(ConvPass::backward_data, 128, 32, 64, 128, 1, 2);
  added.accumulate = true;
  keys.push_back(added);
  return keys;
}

}  // namespace

TEST_CASE("engines are allowed by what cuDNN says of their arithmetic") {
  constexpr auto tensor_core = CUDNN_NUMERICAL_NOTE_TENSOR_CORE, half = CUDNN_NUMERICAL_NOTE_DOWN_CONVERT_INPUTS,
                 any_order = CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC;
  CHECK(allowed({}, {}));
  CHECK(allowed({CUDNN_NUMERICAL_NOTE_FFT}, {}));
  CHECK_FALSE(allowed({tensor_core}, {}));
  CHECK(allowed({tensor_core}, {.tf32 = true}));
  CHECK(allowed({tensor_core}, {}, CUDNN_DATA_BFLOAT16));
  CHECK_FALSE(allowed({tensor_core, half}, {.tf32 = true}));
  CHECK_FALSE(allowed({CUDNN_NUMERICAL_NOTE_WINOGRAD_TILE_4x4}, {}));
  CHECK(allowed({CUDNN_NUMERICAL_NOTE_WINOGRAD_TILE_4x4}, {}, CUDNN_DATA_BFLOAT16));
  CHECK(allowed({any_order}, {}));
  CHECK_FALSE(allowed({any_order}, {.deterministic = true}));
  CHECK_FALSE(allowed({tensor_core, any_order}, {.deterministic = true}, CUDNN_DATA_BFLOAT16));
}

TEST_CASE("every property of a convolution makes another key") {
  std::vector<ConvKey> all = keys();
  const ConvKey base = all[1];
  for (int change = 0; change < 10; ++change) {
    ConvKey key = base;
    if (change == 0) key.stride = 2;
    else if (change == 1) key.pad = 0;
    else if (change == 2) key.groups = 2;
    else if (change == 3) key.type = CUDNN_DATA_BFLOAT16;
    else if (change == 4) key.accumulate = true;
    else if (change == 5) key.math.tf32 = true;
    else if (change == 6) key.math.deterministic = true;
    else if (change == 7) key.x = {64, 32, 32, 64};
    else if (change == 8) key.weight = {64, 3, 1, 64};
    else key.y = {128, 32, 31, 64};
    all.push_back(key);
  }
  std::unordered_set<ConvKey, engine::cuda::ConvKeyHash> different(all.begin(), all.end());
  CHECK(different.size() == all.size());
  CHECK(different.contains(base));
  std::unordered_set<size_t> hashes;
  for (const ConvKey& key : all) hashes.insert(engine::cuda::ConvKeyHash()(key));
  CHECK(hashes.size() == all.size());
}

TEST_CASE("a convolution is described by its pass, shapes and arithmetic") {
  CHECK(describe(key_of(ConvPass::backward_data, 128, 32, 64, 64, 3, 1)) ==
        "conv2d backward data, x (128, 32, 32, 64), weight (64, 3, 3, 64), stride 1, pad 1, groups 1, float32");
}

TEST_CASE("cuDNN has plans for every convolution on an H100: exact, TF32, bfloat16, and of the same bits each time") {
  const Descriptor device = engine::cuda::device_descriptor(h100);
  for (const ConvKey& shape : keys()) {
    for (const auto type : {CUDNN_DATA_FLOAT, CUDNN_DATA_BFLOAT16}) {
      for (const GpuMath math : {GpuMath{}, GpuMath{.tf32 = true}, GpuMath{.deterministic = true}}) {
        ConvKey key = shape;
        key.type = type;
        key.math = math;
        const std::string which = describe(key);
        CAPTURE(which);
        const auto plans = proposed_plans(key, 8, &device);
        CHECK(plans.size() >= 1);
        for (const auto& plan : plans) CHECK(plan.workspace >= 0);
      }
    }
  }
}

TEST_CASE("shapes that do not fit are an error that names the convolution") {
  const Descriptor device = engine::cuda::device_descriptor(h100);
  ConvKey key = key_of(ConvPass::forward, 8, 32, 64, 64, 3, 1);
  key.y = {8, 30, 32, 64};
  try {
    proposed_plans(key, 1, &device);
    FAIL("was accepted");
  } catch (const engine::Error& error) {
    CHECK(std::string(error.what()).find("conv2d forward, x (8, 32, 32, 64)") != std::string::npos);
  }
}
