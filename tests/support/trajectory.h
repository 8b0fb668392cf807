#pragma once

#include <cmath>
#include <vector>

#include "mixup/losses.h"
#include "nn/networks.h"
#include "nn/optimizer.h"
#include "tests/support/noise.h"
#include "tests/support/numbers.h"

/// A training that PyTorch was put through as well: its losses are in tests/recorded/trajectory.json.
namespace support::trajectories {

inline constexpr int64_t batch_size = 32, classes = 10, steps = 20;

inline int noise_below(int n, uint64_t index, uint64_t stream) {
  return static_cast<int>((noise(index, stream) + 1.0) / 2 * n);
}

inline void initialise(nn::Module& network) {
  uint64_t stream = 0;
  for (const nn::Entry& entry : nn::state_of(network)) {
    if (entry.kind == nn::Entry::Kind::buffer) continue;
    Tensor values = entry.variable.value();
    const Shape& s = values.shape();
    for (int64_t i = 0; i < values.elements(); ++i) {
      const double u = noise(static_cast<uint64_t>(i), stream);
      double value = u / 8;
      if (s.rank() == 4) value = u * std::sqrt(6.0 / static_cast<double>(s[0] * s[1] * s[2]));
      else if (entry.name.ends_with("bn2.weight")) value = (1 + u / 8) / 4;
      else if (entry.name.ends_with("weight") && entry.name != "fc.weight") value = 1 + u / 8;
      values.data()[i] = static_cast<float>(value);
    }
    ++stream;
  }
}

/// The images of a step, and the box that they exchange.
struct Step {
  Tensor images{Shape{batch_size, 32, 32, 3}};
  std::vector<int> labels;
  mixup::Plan plan;

  explicit Step(uint64_t step) {
    const auto below16 = [&](uint64_t k) { return noise_below(16, k, 3000 + step); };
    const int y0 = below16(0), x0 = below16(1), y1 = y0 + below16(2), x1 = x0 + below16(3);
    plan.mask = Tensor::full({batch_size, 32, 32, 1}, 1);
    for (uint64_t i = 0; i < batch_size; ++i) {
      labels.push_back(noise_below(classes, i, 2000 + step));
      for (uint64_t k = 0, at = i * 3072; k < 3072; ++k, ++at) {
        images.data()[at] = noise(k, 4000 + static_cast<uint64_t>(labels.back())) + noise(at, 1000 + step) / 2;
      }
      plan.partner.push_back(static_cast<int>((i + 1 + step) % batch_size));
      for (int y = y0; y < y1; ++y) {
        std::fill_n(plan.mask.data() + (static_cast<int64_t>(i) * 32 + y) * 32 + x0, x1 - x0, 0.0f);
      }
    }
  }
};

/// The losses of twenty steps of a ResNet-20 on a device, with CutMix's boxes or without.
inline std::vector<double> trajectory(const char* loss_name, bool mixed, engine::Device device,
                                      engine::DType type = engine::DType::f32) {
  const auto network = nn::make_network("resnet20", {.classes = classes});
  initialise(*network);
  move_to(*network, device);
  network->set_type(type);
  const auto sgd = nn::make_optimizer("sgd", *network, {.momentum = 0.9f, .weight_decay = 5e-4f, .nesterov = true});
  const mixup::Loss criterion = mixup::make_loss(loss_name, {.dm_eta = 0.1});
  std::vector<double> losses;
  for (uint64_t i = 0; i < steps; ++i) {
    Step step(i);
    if (!mixed) step.plan.mask = Tensor();
    const engine::Variable x(mixup::apply(step.plan, step.images.to(device)));
    const engine::Variable loss =
        criterion(network->forward(x, nn::Mode::train), mixup::targets(step.plan, step.labels));
    losses.push_back(loss.value().item());
    engine::backward(loss);
    sgd->step(0.01f);
  }
  return losses;
}

}  // namespace support::trajectories
