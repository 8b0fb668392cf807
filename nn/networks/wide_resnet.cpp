#include <optional>

#include "engine/error.h"
#include "nn/layers.h"
#include "nn/networks.h"

namespace nn {
namespace {

using engine::Rng;
using engine::Variable;

/// conv2(relu(bn2(conv1(a)))) + shortcut with a = relu(bn1(x)), where the shortcut is x, or a 1x1 convolution of a
/// where the shape changes.
class WideBlock : public Module {
 public:
  WideBlock(int64_t ic, int64_t oc, int64_t stride, const NormOptions& norm, Rng& rng)
      : bn1_(ic, norm),
        conv1_({.ic = ic, .oc = oc, .stride = stride}, rng),
        bn2_(oc, norm),
        conv2_({.ic = oc, .oc = oc}, rng) {
    if (ic != oc) shortcut_.emplace(Conv2d({.ic = ic, .oc = oc, .kernel = 1, .stride = stride, .pad = 0}, rng));
  }

  Variable forward(const Variable& x, Mode mode) override {
    const Variable active = bn1_.forward_relu(x, mode);
    const Variable inner = bn2_.forward_relu(conv1_.forward(active, mode), mode);
    return engine::add(conv2_.forward(inner, mode), shortcut_ ? shortcut_->forward(active, mode) : x);
  }

  void collect(const std::string& name, State& state) const override {
    bn1_.collect(name + "bn1.", state);
    conv1_.collect(name + "conv1.", state);
    bn2_.collect(name + "bn2.", state);
    conv2_.collect(name + "conv2.", state);
    if (shortcut_) shortcut_->collect(name + "convShortcut.", state);
  }

 private:
  BatchNorm bn1_;
  Conv2d conv1_;
  BatchNorm bn2_;
  Conv2d conv2_;
  std::optional<Conv2d> shortcut_;
};

/// Wide residual network of 28 layers (Zagoruyko, Komodakis, 2016): three stages of four blocks with 16, 32 and 64
/// times `widen` channels, normalised before each convolution.
class WideResNet : public Network {
 public:
  WideResNet(int64_t widen, const NetworkOptions& options, Rng rng)
      : conv1_({.ic = options.channels, .oc = 16}, rng), bn1_(64 * widen, options.norm) {
    int64_t ic = 16;
    for (int64_t stage = 0; stage < 3; ++stage) {
      for (int64_t block = 0; block < 4; ++block) {
        const int64_t oc = (16 * widen) << stage;
        blocks_.push_back(std::make_unique<WideBlock>(ic, oc, block == 0 && stage > 0 ? 2 : 1, options.norm, rng));
        ic = oc;
      }
    }
    fc_.emplace(ic, options.classes, rng);
  }

  int stages() const override { return 3; }
  Variable run(const Variable& x, Mode mode, const AfterStage& after) override {
    Variable y = conv1_.forward(x, mode);
    for (size_t i = 0; i < blocks_.size(); ++i) {
      y = blocks_[i]->forward(y, mode);
      if (i % 4 == 3) y = after(static_cast<int>(i / 4) + 1, y);
    }
    return fc_->forward(engine::global_avg_pool(bn1_.forward_relu(y, mode)), mode);
  }

  void collect(const std::string& name, State& state) const override {
    conv1_.collect(name + "conv1.", state);
    for (size_t i = 0; i < blocks_.size(); ++i) {
      blocks_[i]->collect(engine::text(name, "block", i / 4 + 1, ".layer.", i % 4, "."), state);
    }
    bn1_.collect(name + "bn1.", state);
    fc_->collect(name + "fc.", state);
  }

 private:
  Conv2d conv1_;
  std::vector<std::unique_ptr<Module>> blocks_;
  BatchNorm bn1_;
  std::optional<Linear> fc_;
};

}  // namespace

std::unique_ptr<Network> wrn28_2(const NetworkOptions& options) {
  return std::make_unique<WideResNet>(2, options, Rng(options.seed, engine::Purpose::init));
}

std::unique_ptr<Network> wrn28_8(const NetworkOptions& options) {
  return std::make_unique<WideResNet>(8, options, Rng(options.seed, engine::Purpose::init));
}

std::unique_ptr<Network> wrn28_10(const NetworkOptions& options) {
  return std::make_unique<WideResNet>(10, options, Rng(options.seed, engine::Purpose::init));
}

}  // namespace nn
