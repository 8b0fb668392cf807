#include "mixup/policies.h"

#include <algorithm>

#include "engine/error.h"

namespace mixup {

using engine::Rng;
using engine::Tensor;

const std::vector<PolicyEntry>& policies() {
  using enum Kind;
  static const std::vector<PolicyEntry> table{
      {"none", cutting, nullptr},
      {"mixup", interpolation, mixup, {1, 1, 0.2, 0.2}},
      {"cutmix", cutting, cutmix, {0.2, 1, 1, 1}},
      {"manifoldmix", interpolation, manifoldmix, {2, 0.2, 0.2, 0.5}, 3},
      {"fmix", cutting, fmix, {0.2, 1, 1, 0.2}},
      {"resizemix", cutting, resizemix, {1, 1, 1, 1}, 1, true},
      {"saliencymix", cutting, saliencymix, {0.2, 1, 1, 0.2}, 1, true},
      {"gridmix", cutting, gridmix, {0.2, 0.2, 0.2, 0.2}},
      {"smoothmix", cutting, smoothmix},
  };
  return table;
}

namespace {

const Choice& draw_choice(const std::vector<Choice>& choices, Rng& rng) {
  if (choices.size() == 1) return choices[0];
  double sum = 0;
  for (const Choice& choice : choices) sum += choice.weight;
  double at = rng.uniform() * sum;
  for (const Choice& choice : choices) {
    if (at < choice.weight) return choice;
    at -= choice.weight;
  }
  return choices.back();  // rounding
}

/// Fills a box of image `to` with the whole of image `from`, both (h, w, c): the nearest pixels.
void squeeze(const float* from, const Scene& scene, const Box& box, float* to) {
  for (int64_t y = 0; y < box.height(); ++y) {
    for (int64_t x = 0; x < box.width(); ++x) {
      const float* pixel = from + (y * scene.h / box.height() * scene.w + x * scene.w / box.width()) * scene.c;
      std::copy_n(pixel, scene.c, to + ((box.y0 + y) * scene.w + box.x0 + x) * scene.c);
    }
  }
}

/// The plan in which image i meets its partner as blend[i] says, or all as the only one says. A blend without a mask
/// leaves its image alone.
void fill(Plan& plan, const Tensor& images, const std::vector<Blend>& blends) {
  const int64_t n = images.shape()[0], h = images.shape()[1], w = images.shape()[2], floats = images.elements() / n;
  const auto by_pixel = [](const Blend& blend) { return blend.mask.size() > 1; };
  const bool whole = std::none_of(blends.begin(), blends.end(), by_pixel);
  plan.mask = whole ? Tensor({n, 1, 1, 1}) : Tensor({n, h, w, 1});
  const int64_t pixels = plan.mask.elements() / n;
  const bool squeezed = std::any_of(blends.begin(), blends.end(), [](const Blend& b) { return b.squeeze.has_value(); });
  if (squeezed) plan.source = Tensor::zeros(images.shape());
  for (int64_t i = 0; i < n; ++i) {
    const Blend& blend = blends[blends.size() == 1 ? 0 : static_cast<size_t>(i)];
    if (by_pixel(blend)) std::copy(blend.mask.begin(), blend.mask.end(), plan.mask.data() + i * pixels);
    else std::fill_n(plan.mask.data() + i * pixels, pixels, blend.mask.empty() ? 1 : blend.mask[0]);
    if (!blend.squeeze || blend.squeeze->empty()) continue;
    squeeze(images.data() + plan.partner[static_cast<size_t>(i)] * floats, {h, w, images.shape()[3], nullptr},
            *blend.squeeze, plan.source.data() + i * floats);
  }
}

}  // namespace

Policy make_policy(const std::vector<Choice>& choices, const PolicyOptions& options) {
  ENSURE(!choices.empty(), "make_policy: an empty list");
  ENSURE(options.prob >= 0 && options.prob <= 1, "mix-prob: ", options.prob, " is not between 0 and 1");
  ENSURE(options.off_epoch >= 0, "mix-off-epoch: ", options.off_epoch, " is negative");
  return [choices, prob = options.prob, per_image = options.draws == Draws::elem, off_epoch = options.off_epoch](
             const data::Batch& batch, Rng& rng) {
    if (off_epoch > 0 && batch.epoch >= off_epoch) return unmixed(batch);
    if (!per_image && rng.uniform() >= prob) return unmixed(batch);
    const Choice& choice = draw_choice(choices, rng);
    if (!choice.entry->draw) return unmixed(batch);

    const Tensor images = choice.entry->looks ? batch.images.to(engine::Device::cpu) : batch.images;
    const engine::Shape& shape = images.shape();
    ENSURE(shape[0] >= 2, choice.entry->name, ": a batch of one image has no partner to offer");
    Plan plan{.partner = rng.permutation(static_cast<int>(shape[0]))};
    plan.kind = choice.entry->kind;
    if (choice.entry->stages > 1) plan.stage = static_cast<int>(rng.below(choice.entry->stages));
    std::vector<Blend> blends(per_image ? plan.partner.size() : 1);
    for (size_t i = 0; i < blends.size(); ++i) {
      if (per_image && rng.uniform() >= prob) continue;
      const float* donor = images.data() + plan.partner[i] * (images.elements() / shape[0]);
      blends[i] = choice.entry->draw({shape[1], shape[2], shape[3], donor}, choice.alpha, rng);
    }
    fill(plan, images, blends);
    return plan;
  };
}

Policy make_policy(const std::string& list, const PolicyOptions& options) {
  return make_policy(parse_policies(list, options), options);
}

}  // namespace mixup
