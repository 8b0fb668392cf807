#include <doctest/doctest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "apps/support/evaluation.h"
#include "apps/support/grad_cam.h"
#include "apps/support/learner.h"
#include "apps/support/memory_forecast.h"
#include "apps/support/training_state.h"
#include "engine/cuda/runtime.h"
#include "engine/file.h"
#include "engine/memory.h"
#include "engine/ops.h"
#include "engine/recording.h"
#include "mixup/policies.h"
#include "nn/ema.h"
#include "nn/weights.h"
#include "tests/support/deterministic.h"
#include "tests/support/loss_variants.h"
#include "tests/support/scratch.h"
#include "tests/support/trajectory.h"

// Training on the GPU against training on the CPU.
using namespace support;
using engine::Device;
using engine::Variable;

namespace {

double difference(const Tensor& tensor, const Tensor& expected) {
  const std::vector<float> right = expected.to_vector();
  return relative_error(tensor.to_vector(), std::vector<double>(right.begin(), right.end()));
}

/// Two networks of the same weights, on the CPU and on the GPU.
struct Twins {
  std::unique_ptr<nn::Network> here, there;

  explicit Twins(const std::string& name, const nn::NetworkOptions& options = {.classes = 10, .size = 16, .seed = 3})
      : here(nn::make_network(name, options)), there(nn::make_network(name, options)) {
    move_to(*there, Device::cuda);
  }

  /// Gives all parameters the same random gradients.
  void set_gradients(uint32_t first_seed) {
    for (nn::Network* network : {here.get(), there.get()}) {
      uint32_t seed = first_seed;
      for (const nn::Entry& entry : state_of(*network)) {
        if (entry.kind == nn::Entry::Kind::buffer) continue;
        engine::backward(engine::scale(entry.variable, 1),
                         uniform(entry.variable.shape(), seed++).to(device_of(*network)));
      }
    }
  }

  /// The largest relative difference of an entry.
  double apart() const {
    double most = 0;
    const nn::State a = state_of(*here), b = state_of(*there);
    for (size_t i = 0; i < a.size(); ++i) {
      CHECK(b[i].variable.value().device() == Device::cuda);
      most = std::max(most, difference(b[i].variable.value(), a[i].variable.value()));
    }
    return most;
  }
};

data::Dataset pictures() { return data::shapes(data::Split::train, {.train_count = 64}); }

apps::TrainingFlags flags_for(const std::string& device, const std::string& mix) {
  apps::TrainingFlags flags;
  flags.model.model = "resnet20";
  flags.mixing.mix = mix;
  flags.loss.loss = "dm";
  flags.batch_size = 8;
  flags.model_ema = true;
  flags.ema_decay = 0.9;
  flags.device = device;
  resolve(flags.mixing, data::Family::cifar);
  return flags;
}

}  // namespace

TEST_CASE("a tensor goes to the GPU and back, and all its handles go along where it moves") {
  const Tensor x = uniform({3, 5, 7}, 1);
  const Tensor there = x.to(Device::cuda);
  CHECK(there.device() == Device::cuda);
  CHECK(there.to_vector() == x.to_vector());
  CHECK(same_bits(there.clone().to(Device::cpu), x));
  CHECK(Tensor::full({1}, 3, Device::cuda).item() == 3);
  Tensor moved = x.clone();
  const Tensor handle = moved.reshaped({105});
  moved.move_to(Device::cuda);
  CHECK(handle.device() == Device::cuda);
  CHECK(handle.to_vector() == x.to_vector());
  moved.move_to(Device::cpu);
  CHECK(same_bits(moved, x));
}

TEST_CASE("every optimizer moves weights on the GPU as on the CPU, with and without clipped gradients") {
  for (const nn::OptimizerEntry& entry : nn::optimizers()) {
    for (const bool nesterov : {false, true}) {
      CAPTURE(std::string(entry.name));
      Twins twins("resnet20");
      const nn::OptimizerOptions options{.momentum = 0.9f, .weight_decay = 0.01f, .nesterov = nesterov};
      const auto here = entry.make(*twins.here, options), there = entry.make(*twins.there, options);
      for (uint32_t step = 0; step < 4; ++step) {
        twins.set_gradients(100 * step);
        const double most = step % 2 ? 1 : INFINITY;
        nn::Gate gate_here(Device::cpu), gate_there(Device::cuda);
        gate_here.admit(here->gradients(), Tensor::zeros({1}), most);
        gate_there.admit(there->gradients(), Tensor::zeros({1}, Device::cuda), most);
        CHECK(gate_there.norm().item() == doctest::Approx(gate_here.norm().item()).epsilon(1e-6));
        for (auto& [optimizer, gate] : {std::pair(here.get(), &gate_here), std::pair(there.get(), &gate_there)}) {
          optimizer->begin(0.1f);
          optimizer->move(*gate);
          optimizer->clear_gradients();
        }
      }
      CHECK(twins.apart() < 1e-5);
    }
  }
}

TEST_CASE("a gate on the GPU lets nothing through from a step that is not finite on, until it is opened") {
  for (const nn::OptimizerEntry& entry : nn::optimizers()) {
    CAPTURE(std::string(entry.name));
    Twins twins("resnet20"), averages("resnet20");
    const auto optimizer = entry.make(*twins.there, {.weight_decay = 0.01f});
    nn::Ema ema(*twins.there, *averages.there, 0.5);
    nn::Gate gate(Device::cuda);
    const auto step = [&](float loss) {
      twins.set_gradients(1);
      gate.admit(optimizer->gradients(), Tensor::full({1}, loss, Device::cuda), INFINITY);
      optimizer->begin(0.1f);
      optimizer->move(gate);
      optimizer->clear_gradients();
      ema.update(gate);
      std::vector<float> all;
      for (const nn::State& state : {state_of(*twins.there), state_of(*averages.there), optimizer->memory()}) {
        for (const nn::Entry& tensor : state) {
          for (float value : tensor.variable.value().to_vector()) all.push_back(value);
        }
      }
      return all;
    };
    const std::vector<float> good = step(1);
    CHECK(step(INFINITY) == good);
    CHECK(step(1) == good);
    gate.open();
    CHECK(step(1) != good);
  }
}

TEST_CASE("the average of the weights on the GPU is that on the CPU") {
  Twins twins("resnet20"), averages("resnet20");
  nn::Ema here(*twins.here, *averages.here, 0.9), there(*twins.there, *averages.there, 0.9);
  twins.set_gradients(1);
  nn::make_optimizer("sgd", *twins.here, {})->step(1);
  nn::make_optimizer("sgd", *twins.there, {})->step(1);
  here.update(nn::Gate(Device::cpu));
  there.update(nn::Gate(Device::cuda));
  CHECK(averages.apart() < 1e-6);
}

TEST_CASE("every loss and its gradient on the GPU are those on the CPU") {
  int number = 0;
  for (const LossVariant& variant : loss_variants()) {
    for (const int64_t classes : {2, 5, 100}) {
      const std::string which = engine::text(variant.name, ", variant ", number++, ", ", classes, " classes");
      CAPTURE(which);
      const int64_t n = 37;
      engine::Rng rng(2, engine::Purpose::test);
      mixup::Targets targets;
      targets.kind = variant.kind;
      for (int64_t i = 0; i < n; ++i) {
        targets.a.push_back(static_cast<int>(rng.below(classes)));
        targets.b.push_back(static_cast<int>(rng.below(classes)));
        targets.lambda.push_back(i % 5 == 0 ? 1 : static_cast<float>(rng.uniform()));
        if (classes == 5) targets.weight.push_back(static_cast<float>(rng.below(3)) / 2);
      }
      const mixup::Loss loss = mixup::make_loss(variant.name, variant.options);
      const Variable here = Variable::leaf(uniform({n, classes}, 3, -4, 4)),
                     there = Variable::leaf(here.value().to(Device::cuda));
      const Variable expected = loss(here, targets), value = loss(there, targets);
      CHECK(value.value().item() == doctest::Approx(expected.value().item()).epsilon(1e-6));
      engine::backward(engine::scale(expected, 3));
      engine::backward(engine::scale(value, 3));
      CHECK(difference(there.grad(), here.grad()) < 1e-5);
    }
  }
}

TEST_CASE("a loss on the GPU is not finite where a logit is not, whichever it is") {
  for (const LossVariant& variant : loss_variants()) {
    for (const float bad : {INFINITY, -INFINITY, NAN}) {
      for (const int64_t at : {0, 7, 29}) {
        CAPTURE(std::string(variant.name));
        CAPTURE(at);
        Tensor logits = uniform({3, 10}, 1);
        logits.data()[at] = bad;
        const mixup::Targets targets{.a = {3, 3, 3}, .b = {4, 4, 4}, .lambda = {0.3f, 1, 0.6f}, .kind = variant.kind};
        const mixup::Loss loss = mixup::make_loss(variant.name, variant.options);
        CHECK_FALSE(std::isfinite(loss(Variable(logits.to(Device::cuda)), targets).value().item()));
      }
    }
  }
}

TEST_CASE("twenty steps of a ResNet-20 on the GPU have the losses of PyTorch's") {
  const auto record = nlohmann::json::parse(std::ifstream(DEMIX_SOURCE_DIR "/tests/recorded/trajectory.json"));
  for (const bool mixed : {false, true}) {
    CAPTURE(mixed);
    const std::vector<double> losses = trajectories::trajectory(mixed ? "dm" : "ce", mixed, Device::cuda),
                              expected = record[mixed ? "dm_cutmix" : "ce"];
    REQUIRE(losses.size() == expected.size());
    for (size_t i = 0; i < losses.size(); ++i) {
      CAPTURE(i);
      CHECK(std::abs(losses[i] / expected[i] - 1) < 1e-3);
    }
  }
}

// Forty roundings, at random and each by 2^-9 at most, turn logits of about 1 by a hundredth; the mean over 32 images
// is off by a fifth of that, and a loss of 2.3 by a thousandth.
TEST_CASE("twenty steps of a ResNet-20 in bfloat16 have nearly the losses of float32") {
  for (const bool mixed : {false, true}) {
    CAPTURE(mixed);
    const auto losses = [&](engine::DType type) {
      return trajectories::trajectory(mixed ? "dm" : "ce", mixed, Device::cuda, type);
    };
    const std::vector<double> exact = losses(engine::DType::f32), rounded = losses(engine::DType::bf16);
    CHECK(rounded != exact);
    for (size_t i = 0; i < exact.size(); ++i) {
      CAPTURE(i);
      CHECK(std::abs(rounded[i] / exact[i] - 1) < 2e-3);
    }
  }
}

TEST_CASE("a step with every policy has the loss on the GPU that it has on the CPU") {
  const data::Dataset set = pictures();
  const data::Batch batch = data::first_batch(set, {.batch = 8, .train = true, .seed = 1});
  for (const mixup::PolicyEntry& entry : mixup::policies()) {
    CAPTURE(std::string(entry.name));
    apps::TrainingFlags amp = flags_for("cuda", entry.name);
    amp.gpu.amp = true;
    apps::Learner here(flags_for("cpu", entry.name), set), there(flags_for("cuda", entry.name), set), half(amp, set);
    for (const int64_t batches : {1, 2}) {
      const auto loss = [&](apps::Learner& learner) {
        learner.begin(0.01, batches, [&]() -> const data::Batch& { return batch; });
        const apps::Learner::Outcome outcome = learner.outcome();
        CHECK(outcome.not_finite.empty());
        return outcome.loss;
      };
      const double expected = loss(here);
      CHECK(loss(there) == doctest::Approx(expected).epsilon(1e-3));
      CHECK(loss(half) == doctest::Approx(expected).epsilon(1e-2));
    }
  }
}

TEST_CASE("weights and states go between files, the CPU and the GPU unchanged") {
  const Scratch scratch("gpu");
  Twins twins("resnet20");
  nn::save_weights(*twins.here, scratch.path / "here.safetensors", {});
  nn::save_weights(*twins.there, scratch.path / "there.safetensors", {});
  CHECK(engine::read_file(scratch.path / "here.safetensors") == engine::read_file(scratch.path / "there.safetensors"));
  const auto other = nn::make_network("resnet20", {.classes = 10, .size = 16, .seed = 4});
  move_to(*other, Device::cuda);
  nn::load_weights(*other, scratch.path / "here.safetensors");
  nn::save_weights(*other, scratch.path / "other.safetensors", {});
  CHECK(engine::read_file(scratch.path / "here.safetensors") == engine::read_file(scratch.path / "other.safetensors"));

  const data::Dataset set = pictures();
  const data::Batch batch = data::first_batch(set, {.batch = 8, .train = true, .seed = 1});
  apps::Learner first(flags_for("cuda", "cutmix"), set), second(flags_for("cuda", "cutmix"), set);
  first.step(0.1, batch);
  const apps::StateFiles states(scratch.path);
  states.save(first.tensors(), {}, {});
  states.load(second.tensors());
  second.accept();
  const nn::State a = first.tensors(), b = second.tensors();
  for (size_t i = 0; i < a.size(); ++i) {
    CAPTURE(a[i].name);
    CHECK(a[i].variable.value().to_vector() == b[i].variable.value().to_vector());
  }
}

TEST_CASE("what is not finite on the GPU is found, named and left out") {
  const data::Dataset set = pictures();
  data::Batch batch = data::first_batch(set, {.batch = 8, .train = true, .seed = 1});
  apps::Learner learner(flags_for("cuda", "none"), set);
  std::vector<float> before, after;
  const auto all = [&] {
    std::vector<float> values;
    for (const nn::Entry& entry : learner.tensors()) {
      for (float value : entry.variable.value().to_vector()) values.push_back(value);
    }
    return values;
  };
  before = all();
  batch.images.data()[100] = NAN;
  const apps::Learner::Outcome outcome = learner.step(0.1, batch);
  CHECK(std::isnan(outcome.loss));
  CHECK(outcome.not_finite == "conv2d of conv1.weight");
  CHECK(all() == before);
}

TEST_CASE(
    "a step whose gradients are too long to be measured is found on the GPU, too, where logits and loss are finite") {
  const data::Dataset set = pictures();
  data::Batch batch = data::first_batch(set, {.batch = 8, .train = true, .seed = 1});
  std::fill_n(batch.images.data(), batch.images.elements(), 3e38f);
  for (const char* device : {"cpu", "cuda"}) {
    apps::TrainingFlags flags = flags_for(device, "none");
    flags.model.model = "linear";
    apps::Learner learner(flags, set);
    for (const nn::Entry& entry : nn::state_of(learner.network())) {
      Tensor weights = entry.variable.value();
      weights.copy_from(Tensor::zeros(weights.shape()));
    }
    const apps::Learner::Outcome outcome = learner.step(0.1, batch);
    CHECK(std::isfinite(outcome.loss));
    CHECK(outcome.not_finite == "the norm of the gradients");
    CHECK(learner.step(0.1, data::first_batch(set, {.batch = 8, .train = true, .seed = 1})).not_finite.empty());
  }
}

TEST_CASE("what the CPU sends arrives, however much it is and whatever becomes of it meanwhile") {
  Tensor here = uniform({20 << 20}, 1);
  const std::vector<float> sent = here.to_vector();
  const Tensor there = here.to(Device::cuda);
  std::fill_n(here.data(), here.elements(), 0.0f);
  std::vector<Tensor> small;
  for (int i = 0; i < 200; ++i) small.push_back(Tensor::from({2}, {1.0f * i, 2.0f * i}).to(Device::cuda));
  engine::Fetch coming(small[7]);
  small[7].copy_from(Tensor::from({2}, {0, 0}));
  CHECK((there.to_vector() == sent));
  for (int i = 0; i < 200; ++i) {
    if (i != 7) CHECK(small[static_cast<size_t>(i)].to_vector() == std::vector<float>{1.0f * i, 2.0f * i});
  }
  CHECK(coming.get().to_vector() == std::vector<float>{7, 14});
  CHECK(small[7].to_vector() == std::vector<float>{0, 0});
}

TEST_CASE("Grad-CAM on the GPU shows what it shows on the CPU") {
  Twins twins("resnet20");
  const Tensor images = uniform({4, 16, 16, 3}, 1);
  const Tensor expected = apps::grad_cam(*twins.here, images, {0, 1, 2, 3});
  CHECK(difference(apps::grad_cam(*twins.there, images, {0, 1, 2, 3}), expected) < 1e-3);
  twins.there->set_type(engine::DType::bf16);
  CHECK(difference(apps::grad_cam(*twins.there, images, {0, 1, 2, 3}), expected) < 0.1);
}

TEST_CASE("after the first steps none of them takes new memory, nor waits for the GPU before the next one is begun") {
  const data::Dataset set = pictures();
  const data::Batch batch = data::first_batch(set, {.batch = 8, .train = true, .seed = 1, .device = Device::cuda});
  for (const bool records : {false, true}) {
    CAPTURE(records);
    apps::TrainingFlags flags = flags_for("cuda", "cutmix");
    flags.gpu.cuda_graph = records;
    apps::Learner learner(flags, set);
    int64_t held = 0, waits = 0;
    for (int step = 0; step < 8; ++step) {
      learner.begin(0.01, 1, [&]() -> const data::Batch& { return batch; });
      if (step > 3) {
        CHECK(engine::memory::usage(Device::cuda).held == held);
        CHECK(engine::cuda::waits() == waits);
      }
      held = engine::memory::usage(Device::cuda).held, waits = engine::cuda::waits();
      if (step > 0) CHECK(learner.outcome().not_finite.empty());
    }
    CHECK(held > 0);
  }
}

TEST_CASE(
    "steps that are begun before the ones before them are done, and recorded steps, give the bits of others that are "
    "waited for") {
  const support::Deterministic deterministic;
  const data::Dataset set = pictures();
  data::Loader loader(set, {.batch = 8, .train = true, .seed = 1, .workers = 0});
  for (const char* mix : {"none", "cutmix", "mixup+cutmix", "resizemix", "manifoldmix", "none, amp"}) {
    CAPTURE(std::string(mix));
    const bool amp = std::string(mix) == "none, amp";
    apps::TrainingFlags flags = flags_for("cuda", amp ? "none" : mix);
    flags.gpu.amp = amp;
    flags.clip_grad = 2;
    flags.opt = amp ? "adamw" : "sgd";
    apps::Learner plain(flags, set), ahead(flags, set);
    flags.gpu.cuda_graph = true;
    apps::Learner recorded(flags, set);
    loader.start(0);
    data::Batch batch;
    std::vector<apps::Learner::Outcome> expected;
    size_t told[2] = {};
    const auto tell = [&](apps::Learner& learner, size_t& next, int64_t last) {
      while (learner.pending() > last) {
        const apps::Learner::Outcome outcome = learner.outcome(), &right = expected[next++];
        CHECK((outcome.loss == right.loss || (std::isnan(outcome.loss) && std::isnan(right.loss))));
        CHECK(outcome.known == right.known);
        CHECK(outcome.not_finite == right.not_finite);
      }
    };
    for (int step = 0; step < 8 && loader.next(batch); ++step) {
      if (step == 0 || step == 4 || step == 5) batch.images.data()[7] = NAN;
      const double lr = 0.05 / (step + 1);
      expected.push_back(plain.step(lr, batch));
      CHECK(expected.back().not_finite.empty() == (step != 0 && step != 4 && step != 5));
      for (apps::Learner* learner : {&ahead, &recorded}) {
        learner->begin(lr, 1, [&]() -> const data::Batch& { return batch; });
        tell(*learner, told[learner == &recorded], 1);
      }
      // What is done between two steps, such as a test, must not disturb the recording.
      const Tensor elsewhere = Tensor::full({1000000}, 7, Device::cuda);
      CHECK(recorded.not_finite_in_test(Tensor::zeros({8, 32, 32, 3})).empty());
    }
    CHECK_THROWS_AS(ahead.tensors(), engine::Error);
    CHECK_THROWS_AS(ahead.step(0.1, batch), engine::Error);
    CHECK_THROWS_AS(ahead.begin(0.1, 2, [&]() -> const data::Batch& { return batch; }), engine::Error);
    const nn::State right = plain.tensors();
    for (apps::Learner* learner : {&ahead, &recorded}) {
      tell(*learner, told[learner == &recorded], 0);
      const nn::State state = learner->tensors();
      for (size_t i = 0; i < right.size(); ++i) {
        CAPTURE(right[i].name);
        CHECK(state[i].variable.value().to_vector() == right[i].variable.value().to_vector());
      }
    }
  }
}

TEST_CASE(
    "a recording does its work when it is run, on the memory it was made with, and refuses the CPU's part in it") {
  Tensor x = Tensor::full({4}, 2, Device::cuda), y = Tensor::zeros({4}, Device::cuda);
  engine::Recording recording([&] {
    const Tensor twice = engine::scale(Variable(x), 2).value();
    engine::kernel::add(twice, x, y);
  });
  CHECK(y.to_vector() == std::vector<float>(4, 0));
  recording.run();
  CHECK(y.to_vector() == std::vector<float>(4, 6));
  x.copy_from(Tensor::full({4}, 5));
  const Tensor others = Tensor::full({4}, 9, Device::cuda);  // does not get the memory of `twice`
  recording.run();
  CHECK(y.to_vector() == std::vector<float>(4, 15));
  CHECK(others.to_vector() == std::vector<float>(4, 9));
  CHECK_THROWS_WITH(engine::Recording([&] { x.to_vector(); }),
                    "cuda: a copy of 16 bytes between CPU and GPU cannot be recorded");
  x.copy_from(y);  // is not recorded any more
  CHECK(x.to_vector() == std::vector<float>(4, 15));
}

TEST_CASE("what does not fit the GPU is told with the batch that does") {
  const apps::MemoryForecast small{0, 3 << 20, 10240};
  CHECK(apps::batch_that_fits(small, 300, 2 << 20) == 197);  // 300 - ceil(2^20 / 10240)
  CHECK(apps::batch_that_fits(small, 300, 4 << 20) == 300);
  CHECK(apps::batch_that_fits(small, 300, 0) == 0);
  const apps::MemoryForecast forecast{0, 3 * engine::gpu().free / 2, static_cast<double>(engine::gpu().free) / 200};
  std::string line;
  try {
    apps::require_memory(forecast, 300);
  } catch (const engine::Error& error) {
    line = error.what();
  }
  CHECK(line.find("not enough memory of the GPU: this training needs about ") != std::string::npos);
  CHECK(line.find("--batch-size 18") != std::string::npos);  // 188, by how much is free now
  CHECK_NOTHROW(apps::require_memory({0, engine::gpu().free / 2, 1}, 300));
  CHECK_THROWS_AS(Tensor({int64_t{1} << 45}, Device::cuda), engine::memory::OutOfMemory);
}

TEST_CASE("batch norm on the GPU moves the running statistics as on the CPU") {
  const Tensor x = uniform({13, 7, 5, 3}, 1, 0, 5);  // several parts, the last one not whole
  const Tensor one = Tensor::full({3}, 1), zero = Tensor::zeros({3});
  Tensor mean = zero.clone(), var = one.clone();
  Tensor mean_there = mean.to(Device::cuda).clone(), var_there = var.to(Device::cuda).clone();
  engine::batch_norm(Variable(x), Variable(one), Variable(zero), mean, var, true);
  engine::batch_norm(Variable(x.to(Device::cuda)), Variable(one.to(Device::cuda)), Variable(zero.to(Device::cuda)),
                     mean_there, var_there, true);
  CHECK(difference(mean_there, mean) < 1e-6);
  CHECK(difference(var_there, var) < 1e-6);
}

TEST_CASE("a network is tested on the GPU as on the CPU, on pictures as they are and on mixed ones") {
  const data::Dataset set = pictures();
  Twins twins("resnet20", {.classes = static_cast<int64_t>(set.classes.size()), .size = set.size, .seed = 3});
  const mixup::Policy policy = mixup::make_policy("cutmix", {.alpha = 1});
  for (const Device device : {Device::cpu, Device::cuda}) {
    data::Loader here(set, {.batch = 24, .train = false}), there(set, {.batch = 24, .train = false, .device = device});
    const apps::Evaluation expected = apps::evaluate(*twins.here, here), result = apps::evaluate(*twins.there, there);
    CHECK(result.loss == doctest::Approx(expected.loss).epsilon(1e-5));
    CHECK(result.top1 == expected.top1);
    CHECK(result.top5 == expected.top5);
    const apps::MixedEvaluation mixed = apps::evaluate_mixed(*twins.here, here, policy);
    CHECK(apps::evaluate_mixed(*twins.there, there, policy).top1 == mixed.top1);
    CHECK(apps::evaluate_mixed(*twins.there, there, policy).top2 == mixed.top2);
  }
}
