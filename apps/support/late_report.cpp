#include "apps/support/late_report.h"

#include <cstdio>

#include "apps/support/evaluation.h"
#include "apps/support/gallery.h"
#include "apps/support/report.h"
#include "data/loader.h"
#include "engine/error.h"
#include "nn/weights.h"

namespace apps {
namespace {

void write_pictures(const TrainingFlags& flags, const data::Dataset& test_set, const std::filesystem::path& weights,
                    const std::filesystem::path& folder) {
  const auto network =
      make_network(flags.model, static_cast<int64_t>(test_set.classes.size()), test_set.size, flags.seed);
  nn::load_weights(*network, weights);
  Extremes extremes(test_set.normalization);
  data::Loader loader(test_set, {.batch = flags.batch_size, .train = false, .workers = flags.workers});
  evaluate(*network, loader,
           [&](const data::Batch& batch, const engine::Tensor& logits) { extremes.add(batch, logits); });
  write_gallery(*network, test_set, every_batch(flags.mixing), extremes, title_of(flags, test_set.name), folder);
}

}  // namespace

void write_late_report(const TrainingFlags& flags, const std::function<data::Dataset()>& load_test_set,
                       const std::filesystem::path& run) {
  write_report(run);  // says what is wrong with the folder, before anything is computed
  const std::filesystem::path weights = run / (flags.model_ema ? "last.ema.safetensors" : "last.safetensors");
  if (std::filesystem::exists(weights)) {
    try {
      write_pictures(flags, load_test_set(), weights, run / "images");
      write_report(run);
    } catch (const engine::Error& error) {
      std::fprintf(stderr, "no new pictures: %s\n", error.what());
    }
  }
  std::printf("wrote %s\n", (run / "report.html").c_str());
}

}  // namespace apps
