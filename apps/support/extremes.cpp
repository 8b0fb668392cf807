#include "apps/support/extremes.h"

#include <algorithm>
#include <cmath>

#include "apps/support/evaluation.h"
#include "apps/support/sheet.h"
#include "engine/softmax.h"

namespace apps {

void Extremes::add(const data::Batch& batch, const engine::Tensor& logits) {
  const auto classes = static_cast<int>(logits.shape()[1]);
  for (int64_t i = 0; i < batch.count(); ++i) {
    const float* row = logits.data() + i * classes;
    const std::vector<double> z(row, row + classes);
    const int label = batch.labels[static_cast<size_t>(i)], guess = best_class(row, classes);
    const engine::Softmax<double> softmax(z.data(), classes);
    const auto log_probability = [&](int name) { return softmax.log_probability(z[static_cast<size_t>(name)]); };
    Example example{
        {}, label, guess, std::exp(log_probability(label)), std::exp(log_probability(guess)), log_probability(label)};
    const bool right = guess == label && !std::isnan(example.log_probability);
    if (std::isnan(example.log_probability)) example.log_probability = -INFINITY;

    const auto keep = [&](std::vector<Example>& kept, auto before) {
      const auto place = std::upper_bound(kept.begin(), kept.end(), example, before);
      if (static_cast<size_t>(place - kept.begin()) == most_) return;
      if (example.pixels.empty()) example.pixels = bytes_of(batch.images, i, normalization_);
      kept.insert(place, example);
      if (kept.size() > most_) kept.pop_back();
    };
    if (right) {
      keep(best_, [](const Example& a, const Example& b) { return a.log_probability > b.log_probability; });
    }
    keep(worst_, [](const Example& a, const Example& b) { return a.log_probability < b.log_probability; });
  }
}

}  // namespace apps
