#include "nn/networks/residual.h"

#include <optional>

#include "engine/error.h"

namespace nn {
namespace {

using engine::Rng;
using engine::Variable;

/// relu(bn2(conv2(relu(bn1(conv1(x))))) + shortcut(x))
class BasicBlock : public Module {
 public:
  BasicBlock(int64_t ic, int64_t oc, int64_t stride, Rng& rng)
      : conv1_({.ic = ic, .oc = oc, .stride = stride}, rng), bn1_(oc), conv2_({.ic = oc, .oc = oc}, rng), bn2_(oc) {
    if (stride == 1 && ic == oc) return;
    shortcut_.emplace(Conv2d({.ic = ic, .oc = oc, .kernel = 1, .stride = stride, .pad = 0}, rng));
    shortcut_bn_.emplace(oc);
  }

  Variable forward(const Variable& x, Mode mode) override {
    const Variable inner = bn1_.forward_relu(conv1_.forward(x, mode), mode);
    const Variable shortcut = shortcut_ ? shortcut_bn_->forward(shortcut_->forward(x, mode), mode) : x;
    return bn2_.forward_relu(conv2_.forward(inner, mode), mode, shortcut);
  }

  void collect(const std::string& name, State& state) const override {
    conv1_.collect(name + "conv1.", state);
    bn1_.collect(name + "bn1.", state);
    conv2_.collect(name + "conv2.", state);
    bn2_.collect(name + "bn2.", state);
    if (!shortcut_) return;
    shortcut_->collect(name + "downsample.0.", state);
    shortcut_bn_->collect(name + "downsample.1.", state);
  }

 private:
  Conv2d conv1_;
  BatchNorm bn1_;
  Conv2d conv2_;
  BatchNorm bn2_;
  std::optional<Conv2d> shortcut_;
  std::optional<BatchNorm> shortcut_bn_;
};

class ResidualNetwork : public Module {
 public:
  ResidualNetwork(const ResidualLayout& layout, const NetworkOptions& options, Rng rng)
      : conv1_({.ic = options.channels, .oc = layout.width}, rng), bn1_(layout.width) {
    int64_t ic = layout.width;
    for (size_t stage = 0; stage < layout.blocks.size(); ++stage) {
      const int64_t oc = layout.width << stage;
      stages_.emplace_back();
      for (int block = 0; block < layout.blocks[stage]; ++block) {
        stages_.back().push_back(std::make_unique<BasicBlock>(ic, oc, block == 0 && stage > 0 ? 2 : 1, rng));
        ic = oc;
      }
    }
    fc_.emplace(ic, options.classes, rng);
  }

  Variable forward(const Variable& x, Mode mode) override {
    Variable y = bn1_.forward_relu(conv1_.forward(x, mode), mode);
    for (auto& stage : stages_) {
      for (auto& block : stage) y = block->forward(y, mode);
    }
    return fc_->forward(engine::global_avg_pool(y), mode);
  }

  void collect(const std::string& name, State& state) const override {
    conv1_.collect(name + "conv1.", state);
    bn1_.collect(name + "bn1.", state);
    for (size_t stage = 0; stage < stages_.size(); ++stage) {
      for (size_t block = 0; block < stages_[stage].size(); ++block) {
        stages_[stage][block]->collect(engine::text(name, "layer", stage + 1, ".", block, "."), state);
      }
    }
    fc_->collect(name + "fc.", state);
  }

 private:
  Conv2d conv1_;
  BatchNorm bn1_;
  std::vector<std::vector<std::unique_ptr<BasicBlock>>> stages_;
  std::optional<Linear> fc_;
};

}  // namespace

std::unique_ptr<Module> residual_network(const ResidualLayout& layout, const NetworkOptions& options) {
  return std::make_unique<ResidualNetwork>(layout, options, Rng(options.seed, engine::Purpose::init));
}

}  // namespace nn
