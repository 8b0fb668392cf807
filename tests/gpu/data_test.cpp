#include <doctest/doctest.h>

#include "apps/support/extremes.h"
#include "apps/support/learner.h"
#include "apps/support/memory_forecast.h"
#include "apps/support/sheet.h"
#include "engine/memory.h"
#include "tests/support/deterministic.h"
#include "tests/support/numbers.h"

// Batches made on the GPU against those made on the CPU.
using namespace support;
using data::Batch;
using data::Border;
using data::Dataset;
using data::Loader;
using engine::Device;

namespace {

/// Pictures of random bytes, every byte among them.
Dataset noise(int64_t count, int64_t size) {
  engine::Rng rng(1, engine::Purpose::test);
  Dataset set;
  set.name = "noise";
  set.size = size;
  set.classes = {"a", "b", "c"};
  for (int64_t i = 0; i < count; ++i) set.labels.push_back(static_cast<int>(rng.below(3)));
  for (int64_t i = 0; i < count * size * size * 3; ++i) set.pixels.push_back(static_cast<uint8_t>(rng.below(256)));
  return set;
}

/// Goes through the same batches of both loaders from `first` on.
void check_same_batches(Loader& here, Loader& there, Device expected, int64_t epoch, int64_t first = 0) {
  here.start(epoch, first);
  there.start(epoch, first);
  Batch a, b;
  while (here.next(a)) {
    REQUIRE(there.next(b));
    CHECK(b.images.device() == expected);
    CHECK(same_bits(a.images, b.images.to(Device::cpu)));
    CHECK(a.labels == b.labels);
    CHECK(a.epoch == b.epoch);
    CHECK(a.step == b.step);
  }
  CHECK_FALSE(there.next(b));
}

void check_same_batches(const Dataset& set, Device expected) {
  for (const bool train : {true, false}) {
    for (const int64_t batch : {1, 7, 16}) {
      Loader here(set, {.batch = batch, .train = train, .seed = 5, .workers = 0});
      Loader there(set, {.batch = batch, .train = train, .seed = 5, .workers = 2, .device = Device::cuda});
      for (const int64_t epoch : {0, 1, 0}) check_same_batches(here, there, expected, epoch);
      check_same_batches(here, there, expected, 3, 1);
    }
  }
}

apps::TrainingFlags flags_for(const std::string& device, const std::string& mix) {
  apps::TrainingFlags flags;
  flags.model.model = "resnet20";
  flags.mixing.mix = mix;
  flags.batch_size = 8;
  flags.device = device;
  resolve(flags.mixing, data::Family::cifar);
  return flags;
}

Batch batch_of(const Dataset& set, Device device) { return data::first_batch(set, {.batch = 8, .device = device}); }

}  // namespace

TEST_CASE("batches made on the GPU are those made on the CPU, bit for bit") {
  Dataset set = noise(19, 10);
  for (const data::Normalization& normalization : {data::Normalization(), data::imagenet_normalization}) {
    set.normalization = normalization;
    for (const int pad : {0, 2, 4}) {
      for (const Border border : {Border::zero, Border::reflect}) {
        for (const bool flip : {false, true}) {
          CAPTURE(pad);
          CAPTURE(flip);
          set.augmentation = set.view = {.pad = pad, .border = border, .flip = flip};
          check_same_batches(set, Device::cuda);
        }
      }
    }
  }
  set.view.shorter_side = set.size;  // which they have
  check_same_batches(set, Device::cuda);
}

TEST_CASE("what cannot be resident comes from the CPU as before") {
  Dataset set = noise(19, 10);
  set.augmentation.crop = data::Cropping::resized;
  set.view.shorter_side = 12;
  check_same_batches(set, Device::cpu);
  set.augmentation = {.pad = 10};
  CHECK_THROWS_WITH(batch_of(set, Device::cuda), "augmentation: pad 10 for pictures of 10");
}

TEST_CASE("a training has the same losses from batches of the CPU and of the GPU") {
  const support::Deterministic deterministic;
  const Dataset set = data::shapes(data::Split::train, {.train_count = 32});
  apps::Learner first(flags_for("cuda", "cutmix"), set), second(flags_for("cuda", "cutmix"), set);
  Loader here(set, {.batch = 8, .seed = 1}), there(set, {.batch = 8, .seed = 1, .device = Device::cuda});
  here.start(1);
  there.start(1);
  for (Batch a, b; here.next(a) && there.next(b);) {
    const apps::Learner::Outcome expected = first.step(0.1, a), outcome = second.step(0.1, b);
    CHECK(outcome.loss == expected.loss);
    CHECK(expected.not_finite.empty());
    CHECK(outcome.not_finite.empty());
  }
}

TEST_CASE("every policy makes of a batch on the GPU what it makes of it on the CPU") {
  const Dataset set = data::shapes(data::Split::train, {.train_count = 8});
  const Batch here = batch_of(set, Device::cpu), there = batch_of(set, Device::cuda);
  for (const mixup::PolicyEntry& entry : mixup::policies()) {
    for (const mixup::Draws draws : {mixup::Draws::batch, mixup::Draws::elem}) {
      CAPTURE(std::string(entry.name));
      const mixup::Policy policy = mixup::make_policy(entry.name, {.draws = draws});
      engine::Rng rng(1, engine::Purpose::mix), same = rng;
      const mixup::Plan a = policy(here, rng), b = policy(there, same);
      REQUIRE(a.mixes() == b.mixes());
      CHECK(a.partner == b.partner);
      if (a.mixes()) CHECK(same_bits(a.mask, b.mask));
      REQUIRE(a.source.defined() == b.source.defined());
      if (a.source.defined()) CHECK(same_bits(a.source, b.source));
    }
  }
}

TEST_CASE("pictures of a batch on the GPU can be shown and tested") {
  const Dataset set = data::shapes(data::Split::train, {.train_count = 8});
  const Batch here = batch_of(set, Device::cpu), there = batch_of(set, Device::cuda);
  for (int64_t i = 0; i < here.count(); ++i) {
    CHECK(apps::bytes_of(there.images, i, set.normalization) == apps::bytes_of(here.images, i, set.normalization));
  }
  apps::Extremes extremes(set.normalization);
  extremes.add(there, Tensor::zeros({8, 10}));
  CHECK(extremes.worst()[0].pixels == apps::bytes_of(here.images, 0, set.normalization));
  for (const char* device : {"cpu", "cuda"}) {
    apps::Learner learner(flags_for(device, "none"), set);
    CHECK(learner.not_finite_in_test(here.images).empty());
    CHECK(learner.not_finite_in_test(there.images).empty());
  }
}

TEST_CASE("the forecast of memory counts the pictures on the GPU") {
  const apps::TrainingFlags flags = flags_for("cuda", "none");
  const Dataset set = data::shapes(data::Split::train, {.train_count = 16});
  Dataset large = set;
  large.labels.resize(20000);
  large.pixels.resize(20000 * 32 * 32 * 3);
  const auto forecast = [&](const Dataset* test_set) {
    engine::memory::release_unused();
    return apps::forecast_memory(flags, set, test_set).gpu;
  };
  const int64_t more = forecast(&large) - forecast(nullptr);
  CHECK(static_cast<double>(more) == doctest::Approx(20000.0 * (32 * 32 * 3 + 4)).epsilon(0.1));
}
