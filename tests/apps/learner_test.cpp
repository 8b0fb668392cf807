#include "apps/support/learner.h"

#include <doctest/doctest.h>

#include <cmath>

#include "apps/support/finite.h"
#include "apps/support/memory_forecast.h"
#include "apps/support/training_state.h"
#include "engine/memory.h"
#include "tests/support/numbers.h"
#include "tests/support/scratch.h"

using namespace support;
using apps::Learner;
using data::Batch;

namespace {

apps::TrainingFlags small_training() {
  apps::TrainingFlags flags;
  flags.model.model = "resnet20";
  flags.mixing.mix = "cutmix";
  flags.loss.loss = "dm";
  flags.batch_size = 8;
  flags.model_ema = true;
  flags.ema_decay = 0.9;
  resolve(flags.mixing, data::Family::cifar);
  return flags;
}

data::Dataset pictures(int64_t count) { return data::shapes(data::Split::train, {.train_count = count}); }

Batch batch_of(const data::Dataset& set, int64_t epoch = 0) {
  data::Loader loader(set, {.batch = 8, .train = true, .seed = 1, .workers = 0});
  loader.start(epoch);
  Batch batch;
  REQUIRE(loader.next(batch));
  return batch;
}

/// A batch like another, with a pixel that is not a number.
Batch broken(const Batch& batch) {
  Batch copy = batch;
  copy.images = Tensor(batch.images.shape());
  std::copy_n(batch.images.data(), batch.images.elements(), copy.images.data());
  copy.images.data()[100] = NAN;
  return copy;
}

/// Every bit of a learner.
std::vector<float> everything(const Learner& learner) {
  std::vector<float> all;
  for (const nn::Entry& entry : learner.tensors()) {
    const Tensor tensor = entry.variable.value();
    all.insert(all.end(), tensor.data(), tensor.data() + tensor.elements());
  }
  return all;
}

}  // namespace

TEST_CASE("a step that is not finite leaves weights, averages, memory and running statistics as they were") {
  const data::Dataset set = pictures(32);
  Learner learner(small_training(), set);
  const Batch good = batch_of(set), bad = broken(good), other = batch_of(set, 1);
  CHECK(learner.step(0.05, good).not_finite.empty());
  const std::vector<float> before = everything(learner);

  const Learner::Outcome outcome = learner.step(0.05, bad);
  CHECK(std::isnan(outcome.loss));
  CHECK(outcome.not_finite == "mix");
  CHECK((everything(learner) == before));

  // Of two batches of a step one is bad: neither counts.
  for (const std::vector<const Batch*>& both : {std::vector{&other, &bad}, std::vector{&bad, &other}}) {
    size_t next = 0;
    learner.begin(0.05, 2, [&]() -> const Batch& { return *both[next++]; });
    CHECK(learner.outcome().not_finite == "mix");
    CHECK((everything(learner) == before));
  }

  // The next step is that of a learner that never saw a bad batch.
  CHECK(learner.step(0.05, other).not_finite.empty());
  Learner undisturbed(small_training(), set);
  undisturbed.step(0.05, good);
  undisturbed.step(0.05, other);
  CHECK((everything(learner) == everything(undisturbed)));
  CHECK_FALSE((everything(learner) == before));
}

TEST_CASE("a loss that is not finite is found where the logits are, and leaves everything as it was") {
  const data::Dataset set = pictures(32);
  apps::TrainingFlags flags = small_training();
  flags.model.model = "linear";
  flags.loss.loss = "bce";
  Learner learner(flags, set);
  for (const nn::Entry& entry : nn::state_of(learner.network())) {
    Tensor value = entry.variable.value();
    if (entry.name == "fc.bias") std::fill_n(value.data(), value.elements(), 3e38f);
  }
  const std::vector<float> before = everything(learner);
  CHECK(learner.not_finite_in_test(batch_of(set).images).empty());
  const Learner::Outcome outcome = learner.step(0.05, batch_of(set));
  CHECK(std::isinf(outcome.loss));
  CHECK(outcome.not_finite == "the loss");
  CHECK((everything(learner) == before));
}

TEST_CASE("of gradients that are not finite the first of a backward pass is named") {
  const auto network = nn::make_network("resnet20", {.classes = 10, .size = 16});
  for (nn::Entry& entry : nn::state_of(*network)) {
    if (entry.kind == nn::Entry::Kind::buffer) continue;
    Tensor gradient = Tensor::zeros(entry.variable.shape());
    if (entry.name == "layer1.0.conv1.weight" || entry.name == "layer2.1.bn1.bias") gradient.data()[3] = INFINITY;
    if (entry.name != "fc.bias") entry.variable.set_grad(gradient);
  }
  CHECK(apps::first_gradient_not_finite(*network) == "the gradient of layer2.1.bn1.bias");
}

TEST_CASE("what cannot be tested is found in the network and in its average, and changes nothing") {
  const data::Dataset set = pictures(32);
  const Tensor images = batch_of(set).images;
  for (const char* part : {"network.", "average."}) {
    Learner learner(small_training(), set);
    CHECK(learner.not_finite_in_test(images).empty());
    for (const nn::Entry& entry : learner.tensors()) {
      Tensor value = entry.variable.value();
      if (entry.name == std::string(part) + "layer1.0.conv1.weight") value.data()[0] = INFINITY;
    }
    const std::vector<float> before = everything(learner);
    CHECK(learner.not_finite_in_test(images) == "conv2d of layer1.0.conv1.weight");
    CHECK((everything(learner) == before));
  }
}

TEST_CASE("a learner that is filled from a saved state is as it was, also for the step after it that fails") {
  const Scratch scratch("rollback");
  const data::Dataset set = pictures(32);
  Learner learner(small_training(), set);
  const Batch batch = batch_of(set);
  learner.step(0.05, batch);
  const apps::StateFiles states(scratch.path);
  states.save(learner.tensors(), {}, {});
  const std::vector<float> saved = everything(learner);
  for (int i = 0; i < 2; ++i) learner.step(1, batch);
  CHECK_FALSE((everything(learner) == saved));
  states.load(learner.tensors());
  learner.accept();
  CHECK((everything(learner) == saved));
  CHECK_FALSE(learner.step(0.05, broken(batch)).not_finite.empty());
  CHECK((everything(learner) == saved));
}

TEST_CASE("a step's gradients are clipped as asked") {
  const data::Dataset set = pictures(32);
  const Batch batch = batch_of(set);
  apps::TrainingFlags flags = small_training();
  flags.model.model = "linear";
  flags.optimizer = {.momentum = 0};
  double moved[2];
  for (const double clip : {0.0, 0.25}) {
    flags.clip_grad = clip;
    Learner learner(flags, set);
    const std::vector<float> before = everything(learner);
    learner.step(1, batch);
    std::vector<float> after = everything(learner);
    double squares = 0;
    for (int64_t i = 0; i < nn::count_parameters(learner.network()); ++i) {
      const double by = after[static_cast<size_t>(i)] - before[static_cast<size_t>(i)];
      squares += by * by;
    }
    moved[clip > 0] = std::sqrt(squares);
  }
  CHECK(moved[0] > 1);
  CHECK(moved[1] == doctest::Approx(0.25).epsilon(1e-4));
}

TEST_CASE("the share of known images counts either class of a mixed one") {
  const data::Dataset set = pictures(32);
  apps::TrainingFlags flags = small_training();
  flags.model_ema = false;
  Learner learner(flags, set);
  const Batch batch = batch_of(set);
  double first = 0, known = 0;
  for (int i = 0; i < 60; ++i) {
    known = learner.step(0.05, batch).known;
    if (i == 0) first = known;
  }
  CHECK(first < 0.7);
  CHECK(known == 1);
}

TEST_CASE("the forecast of memory is what a step of the whole batch holds") {
  for (const char* model : {"resnet20", "wrn28-2"}) {
    apps::TrainingFlags flags = small_training();
    flags.model.model = model;
    flags.batch_size = 64;
    const data::Dataset set = pictures(64);
    engine::memory::release_unused();
    const int64_t before = apps::memory_in_use(), held_before = engine::memory::usage().held;
    const int64_t forecast = apps::forecast_memory(flags, set).system - before;
    engine::memory::release_unused();
    Learner learner(flags, set);
    data::Loader loader(set, {.batch = 64, .train = true, .seed = 1, .workers = 0});
    loader.start(0);
    Batch batch;
    loader.next(batch);
    learner.step(0.01, batch);
    const auto held = static_cast<double>(engine::memory::usage().held - held_before);
    INFO(model, ": forecast ", forecast >> 20, " MiB, held ", held / (1 << 20), " MiB");
    CHECK(static_cast<double>(forecast) > 0.85 * held);
    CHECK(static_cast<double>(forecast) < 1.3 * held);
  }
}

TEST_CASE("sizes of memory are told in the unit that suits them") {
  CHECK(apps::memory_size(37 << 20) == "37 MiB");
  CHECK(apps::memory_size(int64_t{5} << 28) == "1.25 GiB");
  CHECK(apps::memory_within_reach() > apps::memory_in_use());
  CHECK_NOTHROW(apps::require_memory({apps::memory_in_use()}, 1));
  CHECK_THROWS_WITH_AS(
      apps::require_memory({int64_t{1} << 60}, 1),
      doctest::Contains("not enough memory: this training needs about 1073741824.00 GiB and a little to spare, and"),
      engine::Error);
}
