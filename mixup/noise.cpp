#include "mixup/noise.h"

#include <Eigen/Core>
#include <algorithm>
#include <cmath>
#include <complex>
#include <unsupported/Eigen/FFT>

namespace mixup {
namespace {

using Row = std::vector<std::complex<float>>;

/// The inverse Fourier transform; Eigen's has none of length 1.
Row inverse_transform(Eigen::FFT<float>& fft, const Row& spectrum) {
  if (spectrum.size() == 1) return spectrum;
  Row row(spectrum.size());
  fft.inv(row, spectrum);
  return row;
}

}  // namespace

std::vector<float> low_frequency_noise(const Scene& scene, engine::Rng& rng) {
  const auto h = static_cast<size_t>(scene.h), w = static_cast<size_t>(scene.w), half = w / 2 + 1;
  const auto frequency = [](size_t k, size_t n) {  // in periods a pixel
    return static_cast<double>(std::min(k, n - k)) / static_cast<double>(n);
  };
  Eigen::FFT<float> fft;
  std::vector<Row> columns;  // of the spectrum; those beyond the middle are mirror images
  for (size_t x = 0; x < half; ++x) {
    Row spectrum(h);
    for (size_t y = 0; y < h; ++y) {
      const double f = std::hypot(frequency(y, h), frequency(x, w));
      const double amplitude = std::pow(std::max(f, 1.0 / static_cast<double>(std::max(h, w))), -3);
      const double re = rng.normal(), im = rng.normal();
      spectrum[y] = {static_cast<float>(amplitude * re), static_cast<float>(amplitude * im)};
    }
    columns.push_back(inverse_transform(fft, spectrum));
  }
  std::vector<float> noise;
  Row row(w);
  for (size_t y = 0; y < h; ++y) {
    for (size_t x = 0; x < w; ++x) row[x] = x < half ? columns[x][y] : std::conj(columns[w - x][y]);
    for (const std::complex<float>& pixel : inverse_transform(fft, row)) noise.push_back(pixel.real());
  }
  return noise;
}

}  // namespace mixup
