#include "data/resident.h"

#include "data/pixel.h"
#include "engine/each.h"

namespace data {

engine::Tensor Resident::images(int64_t first, int64_t count, uint64_t seed, uint32_t epoch) const {
  engine::Tensor images({count, size_, size_, 3}, engine::Device::cuda);
  const auto* pixels = reinterpret_cast<const uint8_t*>(pixels_.data());
  const auto* samples = reinterpret_cast<const int*>(order_.data()) + first;
  const float* values = values_.data();
  float* out = images.data();
  engine::cuda::each(count * size_ * size_, [=, size = size_, augmentation = augmentation_] DEMIX_DEVICE(int64_t i) {
    const int64_t sample = samples[i / (size * size)];
    engine::Rng rng(seed, engine::Purpose::augment, epoch, static_cast<uint32_t>(sample));
    Part part{size, size};
    part.move(augmentation, rng);
    const Part::Place row = part.row(i / size % size), column = part.column(i % size, size);
    const bool black = augmentation.border == Border::zero && !(row.inside && column.inside);
    const uint8_t* pixel = pixels + ((sample * size + row.at) * size + column.at) * 3;
    for (int k = 0; k < 3; ++k) out[i * 3 + k] = values[(black ? 256 : pixel[k]) * 3 + k];
  });
  return images;
}

}  // namespace data
