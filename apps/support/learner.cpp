#include "apps/support/learner.h"

#include <algorithm>
#include <cmath>

#include "apps/support/checkpoint.h"
#include "apps/support/evaluation.h"
#include "apps/support/finite.h"
#include "engine/kernels.h"
#include "engine/memory.h"
#include "engine/ops.h"

namespace apps {

using engine::Device;
using engine::Fetch;
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

/// What is found by doing the work again, or a less exact name where that needs too much memory or finds nothing.
std::string named(const std::function<std::string()>& find, const char* else_name) {
  try {
    if (const std::string found = find(); !found.empty()) return found;
  } catch (const engine::memory::OutOfMemory&) {
  }
  return else_name;
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
      criterion_(mixup::make_loss(flags.loss.loss, flags.loss.options)),
      gate_(device_) {
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
    buffers_.push_back(entry.variable.value());
    kept_.push_back(entry.variable.value().clone());
  }
}

Learner::Outcome Learner::step(double lr, const data::Batch& batch) {
  ENSURE(pending() == 0, "learner: a step whose outcome is taken at once, while another one is pending");
  begin(lr, 1, [&]() -> const data::Batch& { return batch; });
  return outcome();
}

void Learner::begin(double lr, int64_t batches, const std::function<const data::Batch&()>& next) {
  Step step{.lr = lr};
  if (device_ == Device::cuda && batches == 1) {
    step.lesson = lesson_of(next());
    start(step);
    steps_.push_back(std::move(step));
    return;
  }
  ENSURE(pending() == 0, "learner: a step from several batches, while another one is pending");
  const double share = 1 / static_cast<double>(batches);
  std::optional<Lesson> last;  // which a GPU may be at while the next one is prepared
  for (int64_t i = 0; i < batches; ++i) {
    Lesson lesson = lesson_of(next());
    const Result result = learn([&] { return forward(lesson); }, lesson.targets, share);
    lesson.logits = Fetch(result.logits), lesson.loss = Fetch(result.loss);
    if (last) add(*last, share, step.outcome);
    last = std::move(lesson);
  }
  add(*last, share, step.outcome);
  step.outcome.batches = batches;
  optimizer_->begin(static_cast<float>(lr));
  update(Tensor::full({1}, static_cast<float>(step.outcome.loss), device_));
  if (step.outcome.not_finite.empty() && !std::isfinite(gate_.norm().item())) {
    step.outcome.not_finite = named([&] { return first_gradient_not_finite(*network_); }, "the norm of the gradients");
  }
  optimizer_->clear_gradients();
  if (!step.outcome.not_finite.empty()) gate_.open();
  steps_.push_back(std::move(step));
}

Learner::Outcome Learner::outcome() {
  ENSURE(pending() > 0, "learner: the outcome of no step");
  Step step = std::move(steps_.front());
  steps_.pop_front();
  if (!step.lesson) return step.outcome;
  add(*step.lesson, 1, step.outcome);
  if (step.outcome.not_finite.empty() && !std::isfinite(step.norm.get().item())) {
    const auto find = [&] {
      learn([&] { return forward(*step.lesson); }, step.lesson->targets, 1);
      return first_gradient_not_finite(*network_);
    };
    step.outcome.not_finite = named(find, "the norm of the gradients");
    optimizer_->clear_gradients();
  }
  if (step.outcome.not_finite.empty()) return step.outcome;
  // The gate was closed since: those that were begun after it changed nothing.
  engine::kernel::settle(gate_.state(), buffers_, kept_);
  gate_.open();
  optimizer_->set_steps(optimizer_->steps() - pending());
  for (Step& later : steps_) start(later);
  return step.outcome;
}

Learner::Lesson Learner::lesson_of(const data::Batch& batch) const {
  Rng rng(seed_, Purpose::mix, static_cast<uint32_t>(batch.epoch), static_cast<uint32_t>(batch.step));
  Lesson lesson{batch.images.to(device_), policy_(batch, rng), {}};
  lesson.targets = mixup::targets(lesson.plan, batch.labels);
  return lesson;
}

Variable Learner::forward(const Lesson& lesson) {
  return mixup::forward(*network_, lesson.plan, lesson.images, Mode::train);
}

Learner::Result Learner::learn(const std::function<Variable()>& forward, const mixup::Targets& targets, double share) {
  const Variable logits = forward();
  if (device_ == Device::cpu && !is_finite(logits.value())) return {logits.value(), Tensor::full({1}, NAN)};
  const Variable loss = criterion_(logits, targets);
  engine::backward(share == 1 ? loss : engine::scale(loss, static_cast<float>(share)));
  return {logits.value(), loss.value()};
}

void Learner::update(const Tensor& loss) {
  gate_.admit(optimizer_->gradients(), loss, clip_grad_);
  optimizer_->move(gate_);
  if (ema_) ema_->update(gate_);
  engine::kernel::settle(gate_.state(), buffers_, kept_);
}

void Learner::start(Step& step) {
  Lesson& lesson = *step.lesson;
  optimizer_->begin(static_cast<float>(step.lr));
  Recorded* recorded = nullptr;
  if (records_ && lesson.plan.stage == 0) recorded = &recorded_[{lesson.targets.count(), lesson.targets.kind}];
  Result result;
  if (recorded && recorded->prepared) {
    result = replay(*recorded, lesson);
  } else {
    result = learn([&] { return forward(lesson); }, lesson.targets, 1);
    update(result.loss);
    optimizer_->clear_gradients();
    if (recorded) recorded->prepared = true;
  }
  lesson.logits = Fetch(result.logits), lesson.loss = Fetch(result.loss), step.norm = Fetch(gate_.norm());
}

Learner::Result Learner::replay(Recorded& recorded, const Lesson& lesson) {
  const Tensor images = mixup::apply(lesson.plan, lesson.images);
  if (!recorded.recording) {
    engine::memory::release_unused(device_);  // what the first step needed: a recording has memory of its own
    recorded.images = Tensor(images.shape(), device_);
    recorded.rows = Tensor({images.shape()[0], 4}, device_);
    mixup::Targets targets = lesson.targets;
    targets.rows = recorded.rows;
    recorded.recording.emplace([&] {
      recorded.result = learn([&] { return network_->forward(Variable(recorded.images), Mode::train); }, targets, 1);
      update(recorded.result.loss);
    });
    optimizer_->clear_gradients();
  }
  recorded.images.copy_from(images);
  recorded.rows.copy_from(packed(lesson.targets));
  recorded.recording->run();
  return recorded.result;
}

void Learner::add(Lesson& lesson, double share, Outcome& outcome) {
  const Tensor &logits = lesson.logits.get(), &loss = lesson.loss.get();
  const bool finite = is_finite(logits);
  outcome.loss += share * (finite ? loss.item() : NAN);
  if (!outcome.not_finite.empty()) return;
  if (!finite) {
    const engine::NoGrad no_grad;
    const auto find = [&] { return first_not_finite(*network_, [&] { forward(lesson); }); };
    outcome.not_finite = named(find, "a logit");
  } else if (!std::isfinite(loss.item())) {
    outcome.not_finite = "the loss";
  } else {
    outcome.known += share * known_share(logits, lesson.targets);
  }
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
  ENSURE(pending() == 0, "learner: its state is asked for while a step is pending");
  nn::State all;
  append(all, "network.", state_of(*network_));
  append(all, "optimizer.", optimizer_->memory());
  if (average_) append(all, "average.", state_of(*average_));
  return all;
}

void Learner::accept() {
  for (size_t i = 0; i < buffers_.size(); ++i) kept_[i].copy_from(buffers_[i]);
}

}  // namespace apps
