#include "nn/networks/residual.h"

#include <optional>

#include "engine/error.h"

namespace nn {
namespace {

using engine::Rng;
using engine::Variable;

/// The shortcut of a block: the input itself, or a 1x1 convolution with batch norm where the shape changes.
class Shortcut {
 public:
  Shortcut(int64_t ic, int64_t oc, int64_t stride, Rng& rng) {
    if (stride == 1 && ic == oc) return;
    conv_.emplace(Conv2d({.ic = ic, .oc = oc, .kernel = 1, .stride = stride, .pad = 0}, rng));
    bn_.emplace(oc);
  }
  Variable forward(const Variable& x, Mode mode) { return conv_ ? bn_->forward(conv_->forward(x, mode), mode) : x; }
  void collect(const std::string& name, State& state) const {
    if (!conv_) return;
    conv_->collect(name + "0.", state);
    bn_->collect(name + "1.", state);
  }

 private:
  std::optional<Conv2d> conv_;
  std::optional<BatchNorm> bn_;
};

/// relu(bn2(conv2(relu(bn1(conv1(x))))) + shortcut(x))
class BasicBlock : public Module {
 public:
  BasicBlock(int64_t ic, int64_t oc, int64_t stride, Rng& rng)
      : conv1_({.ic = ic, .oc = oc, .stride = stride}, rng),
        bn1_(oc),
        conv2_({.ic = oc, .oc = oc}, rng),
        bn2_(oc),
        shortcut_(ic, oc, stride, rng) {}

  Variable forward(const Variable& x, Mode mode) override {
    const Variable inner = bn1_.forward_relu(conv1_.forward(x, mode), mode);
    const Variable shortcut = shortcut_.forward(x, mode);
    return bn2_.forward_relu(conv2_.forward(inner, mode), mode, shortcut);
  }

  void collect(const std::string& name, State& state) const override {
    conv1_.collect(name + "conv1.", state);
    bn1_.collect(name + "bn1.", state);
    conv2_.collect(name + "conv2.", state);
    bn2_.collect(name + "bn2.", state);
    shortcut_.collect(name + "downsample.", state);
  }

 private:
  Conv2d conv1_;
  BatchNorm bn1_;
  Conv2d conv2_;
  BatchNorm bn2_;
  Shortcut shortcut_;
};

/// relu(bn3(conv3(relu(bn2(conv2(relu(bn1(conv1(x)))))))) + shortcut(x)): 1x1, 3x3 in groups, 1x1
class Bottleneck : public Module {
 public:
  Bottleneck(int64_t ic, int64_t inner, int64_t oc, int64_t stride, int64_t groups, Rng& rng)
      : conv1_({.ic = ic, .oc = inner, .kernel = 1, .pad = 0}, rng),
        bn1_(inner),
        conv2_({.ic = inner, .oc = inner, .stride = stride, .groups = groups}, rng),
        bn2_(inner),
        conv3_({.ic = inner, .oc = oc, .kernel = 1, .pad = 0}, rng),
        bn3_(oc),
        shortcut_(ic, oc, stride, rng) {}

  Variable forward(const Variable& x, Mode mode) override {
    const Variable reduced = bn1_.forward_relu(conv1_.forward(x, mode), mode);
    const Variable inner = bn2_.forward_relu(conv2_.forward(reduced, mode), mode);
    const Variable shortcut = shortcut_.forward(x, mode);
    return bn3_.forward_relu(conv3_.forward(inner, mode), mode, shortcut);
  }

  void collect(const std::string& name, State& state) const override {
    conv1_.collect(name + "conv1.", state);
    bn1_.collect(name + "bn1.", state);
    conv2_.collect(name + "conv2.", state);
    bn2_.collect(name + "bn2.", state);
    conv3_.collect(name + "conv3.", state);
    bn3_.collect(name + "bn3.", state);
    shortcut_.collect(name + "downsample.", state);
  }

 private:
  Conv2d conv1_;
  BatchNorm bn1_;
  Conv2d conv2_;
  BatchNorm bn2_;
  Conv2d conv3_;
  BatchNorm bn3_;
  Shortcut shortcut_;
};

class ResidualNetwork : public Module {
 public:
  ResidualNetwork(const ResidualLayout& layout, const NetworkOptions& options, Rng rng)
      : conv1_({.ic = options.channels, .oc = layout.width}, rng), bn1_(layout.width) {
    int64_t ic = layout.width;
    for (size_t stage = 0; stage < layout.blocks.size(); ++stage) {
      const int64_t width = layout.width << stage, oc = layout.bottleneck ? 4 * width : width;
      const int64_t inner = width * layout.group_width / 64 * layout.groups;
      stages_.emplace_back();
      for (int block = 0; block < layout.blocks[stage]; ++block) {
        const int64_t stride = block == 0 && stage > 0 ? 2 : 1;
        if (layout.bottleneck) {
          stages_.back().push_back(std::make_unique<Bottleneck>(ic, inner, oc, stride, layout.groups, rng));
        } else {
          stages_.back().push_back(std::make_unique<BasicBlock>(ic, oc, stride, rng));
        }
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
  std::vector<std::vector<std::unique_ptr<Module>>> stages_;
  std::optional<Linear> fc_;
};

}  // namespace

std::unique_ptr<Module> residual_network(const ResidualLayout& layout, const NetworkOptions& options) {
  return std::make_unique<ResidualNetwork>(layout, options, Rng(options.seed, engine::Purpose::init));
}

}  // namespace nn
