#include "nn/layers.h"
#include "nn/networks.h"

namespace nn {
namespace {

/// Softmax regression on the pixels: what a network has to beat.
class Flat : public Network {
 public:
  Flat(const NetworkOptions& o, engine::Rng rng) : fc_(o.size * o.size * o.channels, o.classes, rng) {}

  int stages() const override { return 0; }
  engine::Variable run(const engine::Variable& x, Mode mode, const AfterStage&) override {
    const int64_t n = x.shape()[0];
    return fc_.forward(engine::reshape(x, {n, x.shape().elements() / n}), mode);
  }
  void collect(const std::string& name, State& state) const override { fc_.collect(name + "fc.", state); }

 private:
  Linear fc_;
};

}  // namespace

std::unique_ptr<Network> linear(const NetworkOptions& options) {
  return std::make_unique<Flat>(options, engine::Rng(options.seed, engine::Purpose::init));
}

}  // namespace nn
