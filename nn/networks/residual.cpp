#include "nn/networks/residual.h"

#include <optional>

#include "engine/error.h"

namespace nn {
namespace {

using engine::Rng;
using engine::Variable;

/// A convolution and the batch norm after it.
struct NormalisedConv {
  NormalisedConv(const Conv2d::Options& options, const NormOptions& norm, Rng& rng, float gamma = 1)
      : conv(options, rng), bn(options.oc, norm, gamma) {}

  Variable forward(const Variable& x, Mode mode) { return bn.forward(conv.forward(x, mode), mode); }
  /// relu(forward(x) + residual)
  Variable forward_relu(const Variable& x, Mode mode, const Variable& residual = {}) {
    return bn.forward_relu(conv.forward(x, mode), mode, residual);
  }
  void collect(const std::string& conv_name, const std::string& bn_name, State& state) const {
    conv.collect(conv_name, state);
    bn.collect(bn_name, state);
  }

  Conv2d conv;
  BatchNorm bn;
};

/// relu(layers(x) + shortcut(x)), with ReLU between the layers. The shortcut is x itself, or a 1x1 convolution where
/// the shape changes.
class Block : public Module {
 public:
  Block(const std::vector<Conv2d::Options>& layers, int64_t stride, const NetworkOptions& options, Rng& rng) {
    for (const Conv2d::Options& layer : layers) {
      const bool zero = options.zero_init_last && &layer == &layers.back();
      layers_.emplace_back(layer, options.norm, rng, zero ? 0.0f : 1.0f);
    }
    const int64_t ic = layers.front().ic, oc = layers.back().oc;
    if (stride == 1 && ic == oc) return;
    shortcut_.emplace(Conv2d::Options{.ic = ic, .oc = oc, .kernel = 1, .stride = stride, .pad = 0}, options.norm, rng);
  }

  Variable forward(const Variable& x, Mode mode) override {
    Variable inner = x;
    for (size_t i = 0; i + 1 < layers_.size(); ++i) inner = layers_[i].forward_relu(inner, mode);
    return layers_.back().forward_relu(inner, mode, shortcut_ ? shortcut_->forward(x, mode) : x);
  }

  void collect(const std::string& name, State& state) const override {
    for (size_t i = 0; i < layers_.size(); ++i) {
      layers_[i].collect(engine::text(name, "conv", i + 1, "."), engine::text(name, "bn", i + 1, "."), state);
    }
    if (shortcut_) shortcut_->collect(name + "downsample.0.", name + "downsample.1.", state);
  }

 private:
  std::vector<NormalisedConv> layers_;
  std::optional<NormalisedConv> shortcut_;
};

/// The layers of a block: 3x3, 3x3, or of a bottleneck 1x1, 3x3 in groups, 1x1.
std::vector<Conv2d::Options> block_layers(const ResidualLayout& layout, int64_t ic, int64_t width, int64_t stride) {
  if (!layout.bottleneck) return {{.ic = ic, .oc = width, .stride = stride}, {.ic = width, .oc = width}};
  const int64_t inner = width * layout.group_width / 64 * layout.groups;
  return {{.ic = ic, .oc = inner, .kernel = 1, .pad = 0},
          {.ic = inner, .oc = inner, .stride = stride, .groups = layout.groups},
          {.ic = inner, .oc = 4 * width, .kernel = 1, .pad = 0}};
}

class ResidualNetwork : public Network {
 public:
  ResidualNetwork(const ResidualLayout& layout, const NetworkOptions& options, Rng rng)
      : pooled_(options.stem == Stem::imagenet),
        stem_(pooled_ ? Conv2d::Options{.ic = options.channels, .oc = layout.width, .kernel = 7, .stride = 2, .pad = 3}
                      : Conv2d::Options{.ic = options.channels, .oc = layout.width},
              options.norm, rng) {
    int64_t ic = layout.width;
    for (size_t stage = 0; stage < layout.blocks.size(); ++stage) {
      stages_.emplace_back();
      for (int i = 0; i < layout.blocks[stage]; ++i) {
        const int64_t stride = i == 0 && stage > 0 ? 2 : 1;
        const std::vector<Conv2d::Options> layers = block_layers(layout, ic, layout.width << stage, stride);
        stages_.back().emplace_back(layers, stride, options, rng);
        ic = layers.back().oc;
      }
    }
    fc_.emplace(ic, options.classes, rng);
  }

  int stages() const override { return static_cast<int>(stages_.size()); }
  Variable run(const Variable& x, Mode mode, const AfterStage& after) override {
    Variable y = stem_.forward_relu(x, mode);
    if (pooled_) y = engine::max_pool2d(y, {.kernel = 3, .stride = 2, .pad = 1});
    for (int stage = 0; stage < stages(); ++stage) {
      for (auto& block : stages_[static_cast<size_t>(stage)]) y = block.forward(y, mode);
      y = after(stage + 1, y);
    }
    return fc_->forward(engine::global_avg_pool(y), mode);
  }

  void collect(const std::string& name, State& state) const override {
    stem_.collect(name + "conv1.", name + "bn1.", state);
    for (size_t stage = 0; stage < stages_.size(); ++stage) {
      for (size_t block = 0; block < stages_[stage].size(); ++block) {
        stages_[stage][block].collect(engine::text(name, "layer", stage + 1, ".", block, "."), state);
      }
    }
    fc_->collect(name + "fc.", state);
  }

 private:
  bool pooled_;
  NormalisedConv stem_;
  std::vector<std::vector<Block>> stages_;
  std::optional<Linear> fc_;
};

}  // namespace

std::unique_ptr<Network> residual_network(const ResidualLayout& layout, const NetworkOptions& options) {
  return std::make_unique<ResidualNetwork>(layout, options, Rng(options.seed, engine::Purpose::init));
}

}  // namespace nn
