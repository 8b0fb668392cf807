#include "data/resident.h"

#include "data/pixel.h"

namespace data {

using engine::Device;
using engine::Tensor;

namespace {

constexpr auto word = static_cast<int64_t>(sizeof(float));

/// Memory of the GPU for so many bytes.
Tensor memory_for(int64_t bytes) { return Tensor({(bytes + word - 1) / word}, Device::cuda); }

/// Copies a list there.
template <class T>
void fill(Tensor& memory, const std::vector<T>& values) {
  copy_bytes(values.data(), Device::cpu, memory.data(), Device::cuda, static_cast<int64_t>(values.size() * sizeof(T)));
}

}  // namespace

int64_t Resident::bytes(const Dataset& dataset, const Augmentation& augmentation) {
  const int64_t side = augmentation.shorter_side, pad = augmentation.pad;
  const bool resized = augmentation.crop == Cropping::resized || (side > 0 && side != dataset.size);
  const bool wrong = pad < 0 || pad >= dataset.size;  // as prepare() will say
  if (dataset.pixels.empty() || resized || wrong) return 0;
  return static_cast<int64_t>(dataset.pixels.size()) + dataset.count() * static_cast<int64_t>(sizeof(int));
}

Resident::Resident(const Dataset& dataset, const Augmentation& augmentation)
    : size_(dataset.size),
      augmentation_(augmentation),
      pixels_(memory_for(static_cast<int64_t>(dataset.pixels.size()))),
      order_(memory_for(dataset.count() * static_cast<int64_t>(sizeof(int)))) {
  fill(pixels_, dataset.pixels);
  const Scaling scaling(dataset.normalization);
  std::vector<float> values;
  for (int byte = 0; byte < 256; ++byte) {
    for (size_t k = 0; k < 3; ++k) values.push_back(scaling(byte, k));
  }
  values.insert(values.end(), scaling.shift.begin(), scaling.shift.end());
  values_ = Tensor::from({257, 3}, values).to(Device::cuda);
}

void Resident::set_order(const std::vector<int>& order) { fill(order_, order); }

}  // namespace data
