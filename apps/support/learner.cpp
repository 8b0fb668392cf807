#include "apps/support/learner.h"

#include <algorithm>
#include <cmath>

#include "apps/support/checkpoint.h"
#include "apps/support/evaluation.h"
#include "apps/support/finite.h"
#include "engine/memory.h"

namespace apps {

using engine::Device;
using engine::Purpose;
using engine::Rng;
using engine::Tensor;
using engine::Variable;
using nn::Mode;

namespace {

/// Appends the entries under longer names.
void append(nn::State& all, const std::string& prefix, const nn::State& state) {
  for (nn::Entry entry : state) {
    entry.name.insert(0, prefix);
    all.push_back(std::move(entry));
  }
}

/// The share of the rows of logits (n, classes) whose best class is one of the targets'.
double known_share(const Tensor& logits, const mixup::Targets& targets) {
  const auto classes = static_cast<int>(logits.shape()[1]);
  int64_t known = 0;
  for (size_t i = 0; i < targets.a.size(); ++i) {
    const int best = best_class(logits.data() + static_cast<int64_t>(i) * classes, classes);
    known += (best == targets.a[i] && targets.lambda[i] > 0) || (best == targets.b[i] && targets.lambda[i] < 1);
  }
  return static_cast<double>(known) / static_cast<double>(targets.count());
}

}  // namespace

Learner::Learner(const TrainingFlags& flags, const data::Dataset& set)
    : device_(device_of(flags)),
      records_(flags.gpu.cuda_graph),
      clip_grad_(flags.clip_grad > 0 ? flags.clip_grad : INFINITY),
      seed_(flags.seed),
      policy_(make_policy(flags.mixing)),
      criterion_(mixup::make_loss(flags.loss.loss, flags.loss.options)) {
  const auto classes = static_cast<int64_t>(set.classes.size());
  network_ = make_network(flags.model, classes, set.size, flags.seed);
  require_stages(flags.mixing, network_->stages());
  if (!flags.init_checkpoint.empty()) load_initial(*network_, flags.init_checkpoint);
  move_to(*network_, device_);
  if (flags.gpu.amp) network_->set_type(engine::DType::bf16);
  if (flags.model_ema) {
    average_ = make_network(flags.model, classes, set.size, flags.seed);
    move_to(*average_, device_);
    if (flags.gpu.amp) average_->set_type(engine::DType::bf16);
    ema_.emplace(*network_, *average_, flags.ema_decay);
  }
  optimizer_ = nn::make_optimizer(flags.opt, *network_, flags.optimizer);
  for (const nn::Entry& entry : state_of(*network_)) {
    if (entry.kind != nn::Entry::Kind::buffer) continue;
    buffers_.emplace_back(entry.variable.value(), Tensor(entry.variable.shape(), device_));
  }
  keep_buffers();
}

Learner::Lesson Learner::learn_from(const data::Batch& batch, double share) {
  Rng rng(seed_, Purpose::mix, static_cast<uint32_t>(batch.epoch), static_cast<uint32_t>(batch.step));
  const mixup::Plan plan = policy_(batch, rng);
  const mixup::Targets targets = mixup::targets(plan, batch.labels);
  const Tensor images = batch.images.to(device_);
  const auto forward = [&] { return mixup::forward(*network_, plan, images, Mode::train); };
  Variable logits, loss;
  const Recorded* recorded =
      records_ && plan.stage == 0 && share == 1 ? replay(mixup::apply(plan, images), targets) : nullptr;
  if (recorded) logits = Variable(recorded->logits), loss = Variable(recorded->loss);
  else logits = forward();
  const Tensor scores = logits.value().to(Device::cpu);
  if (!is_finite(scores)) {
    const engine::NoGrad no_grad;
    not_finite_ = first_not_finite(*network_, forward);
    return {NAN, 0};
  }
  if (!recorded) loss = criterion_(logits, targets);
  const double mean = loss.value().item();
  if (!std::isfinite(mean)) {
    not_finite_ = "the loss";
    return {mean, 0};
  }
  if (!recorded) {
    engine::backward(share == 1 ? loss : engine::scale(loss, static_cast<float>(share)));
    recorded_[{batch.count(), targets.kind}].prepared = true;
  }
  return {mean, known_share(scores, targets)};
}

Learner::Recorded* Learner::replay(const Tensor& images, const mixup::Targets& targets) {
  Recorded& step = recorded_[{images.shape()[0], targets.kind}];
  if (!step.prepared) return nullptr;
  if (!step.recording) {
    engine::memory::release_unused();  // what the first step needed: a recording has memory of its own
    step.images = Tensor(images.shape(), device_);
    step.rows = Tensor({images.shape()[0], 4}, device_);
    mixup::Targets recorded = targets;
    recorded.rows = step.rows;
    step.recording.emplace([&] {
      const Variable logits = network_->forward(Variable(step.images), Mode::train),
                     loss = criterion_(logits, recorded);
      engine::backward(loss);
      step.logits = logits.value(), step.loss = loss.value();
      step.squares = squared_gradients(*network_);
    });
    step.gradients = gradients_of(*network_);
  }
  step.images.copy_from(images);
  step.rows.copy_from(packed(targets));
  step.recording->run();
  set_gradients(*network_, step.gradients);
  squares_ = step.squares;
  return &step;
}

std::string Learner::update(double lr) {
  if (!squares_.defined()) squares_ = squared_gradients(*network_);
  const double norm = clip_gradients(*network_, clip_grad_, std::exchange(squares_, Tensor()));
  if (not_finite_.empty() && !std::isfinite(norm)) not_finite_ = first_gradient_not_finite(*network_);
  if (not_finite_.empty()) {
    optimizer_->step(static_cast<float>(lr));
    if (ema_) ema_->update();
    keep_buffers();
  } else {
    optimizer_->skip();
    restore_buffers();
  }
  return std::exchange(not_finite_, "");
}

std::string Learner::not_finite_in_test(const Tensor& images) {
  const engine::Shape& shape = images.shape();
  Tensor some({std::min<int64_t>(8, shape[0]), shape[1], shape[2], shape[3]}, device_of(*network_));
  engine::copy_bytes(images.data(), images.device(), some.data(), some.device(),
                     some.elements() * static_cast<int64_t>(sizeof(float)));
  const engine::NoGrad no_grad;
  for (nn::Network* network : {network_.get(), average_.get()}) {
    if (!network) continue;
    const auto forward = [&] { return network->forward(Variable(some), Mode::eval); };
    if (!is_finite(forward().value())) return first_not_finite(*network, forward);
  }
  return "";
}

nn::State Learner::tensors() const {
  nn::State all;
  append(all, "network.", state_of(*network_));
  append(all, "optimizer.", optimizer_->memory());
  if (average_) append(all, "average.", state_of(*average_));
  return all;
}

void Learner::keep_buffers() {
  for (auto& [value, copy] : buffers_) copy.copy_from(value);
}

void Learner::restore_buffers() {
  for (auto& [value, copy] : buffers_) value.copy_from(copy);
}

}  // namespace apps
