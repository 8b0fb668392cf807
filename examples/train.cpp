#include <cstdio>

#include "data/loader.h"
#include "mixup/losses.h"
#include "mixup/policies.h"
#include "nn/networks.h"
#include "nn/optimizer.h"

/// Trains a small network on the built-in pictures with CutMix and the DM loss: demix as a library.
int main() {
  const data::Dataset pictures = data::load_dataset("shapes", data::Split::train, {.train_count = 2000});
  data::Loader loader(pictures, {.batch = 50, .seed = 1});
  const auto network = nn::make_network("resnet20", {.classes = 10});
  const auto optimizer = nn::make_optimizer("sgd", *network, {.momentum = 0.9f, .nesterov = true});
  const mixup::Policy policy = mixup::make_policy("cutmix", {.alpha = 1});
  const mixup::Loss criterion = mixup::make_loss("dm", {.dm_eta = 0.1});

  for (int64_t epoch = 0; epoch < 2; ++epoch) {
    double sum = 0;
    loader.start(epoch);
    for (data::Batch batch; loader.next(batch);) {
      engine::Rng rng(1, engine::Purpose::mix, 0, static_cast<uint32_t>(batch.step));
      const mixup::Plan plan = policy(batch, rng);
      const engine::Variable logits = mixup::forward(*network, plan, batch.images, nn::Mode::train);
      const engine::Variable loss = criterion(logits, mixup::targets(plan, batch.labels));
      engine::backward(loss);
      optimizer->step(0.05f);
      sum += loss.value().item();
    }
    std::printf("epoch %ld: mean loss %.4f\n", epoch + 1, sum / static_cast<double>(loader.batches()));
  }
}
