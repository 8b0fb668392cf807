#include "apps/support/sheet.h"

#include <algorithm>
#include <cmath>

#include "engine/error.h"

namespace apps {
namespace {

using engine::Tensor;

}  // namespace

std::vector<uint8_t> bytes_of(const Tensor& images, int64_t index, const data::Normalization& normalization) {
  const int64_t floats = images.elements() / images.shape()[0];
  std::vector<float> image(static_cast<size_t>(floats));
  engine::copy_bytes(images.data() + index * floats, images.device(), image.data(), engine::Device::cpu,
                     floats * static_cast<int64_t>(sizeof(float)));
  std::vector<uint8_t> bytes;
  for (size_t i = 0; i < image.size(); ++i) {
    bytes.push_back(data::denormalize(image[i], normalization, static_cast<int>(i % 3)));
  }
  return bytes;
}

Picture sheet(const data::Dataset& dataset, const std::vector<SheetRow>& rows, const std::string& title) {
  // Eight columns and the labels are as wide as the page of a report.
  constexpr int columns = 8, gap = 6, line = Picture::line_height, head = 32;
  constexpr int64_t widest = 128, shrunk = 112;  // half of 224
  constexpr Colour paper{250, 250, 248}, ink{30, 30, 30}, grey{120, 120, 120};
  const bool large = dataset.size > widest;
  const int64_t size = large ? shrunk : dataset.size;
  const int zoom = static_cast<int>(widest / size), side = static_cast<int>(size) * zoom, cell_w = std::max(side, 112);
  const bool labels = std::any_of(rows.begin(), rows.end(), [](const SheetRow& row) { return !row.label.empty(); });
  const int left = gap + (labels ? 70 : 0);
  const int count = static_cast<int>(rows.front().images.size()), blocks = (count + columns - 1) / columns;

  std::vector<std::vector<std::vector<std::string>>> captions;
  std::vector<int> tops;
  int block_h = 0;
  for (const SheetRow& row : rows) {
    size_t most = 0;
    captions.emplace_back();
    for (const std::vector<std::string>& given : row.captions) {
      std::vector<std::string>& lines = captions.back().emplace_back();
      for (const std::string& text : given) {
        for (std::string& part : Picture::lines(text, cell_w, 2)) lines.push_back(std::move(part));
      }
      most = std::max(most, lines.size());
    }
    tops.push_back(block_h);
    block_h += side + 3 + static_cast<int>(most) * line + gap;
  }
  block_h += gap;

  const int width = std::max(left + std::min(count, columns) * (cell_w + gap), 360);
  Picture picture(width, head + blocks * block_h, paper);
  picture.write(Picture::lines(title, width / 2 - gap, 1)[0], gap, gap, ink, 2);
  const auto write = [&](const std::vector<std::string>& lines, int x, int y, Colour colour) {
    for (size_t i = 0; i < lines.size(); ++i) picture.write(lines[i], x, y + static_cast<int>(i) * line, colour);
  };
  for (int i = 0; i < count; ++i) {
    const auto index = static_cast<size_t>(i);
    for (size_t row = 0; row < rows.size(); ++row) {
      const int x = left + i % columns * (cell_w + gap), y = head + i / columns * block_h + tops[row];
      const std::vector<uint8_t>& bytes = rows[row].images[index];
      const data::ImageView image(dataset.size, dataset.size, bytes.data());
      picture.paste(
          large ? data::resize_part(image, size, size, {0, 0, size, size}, data::Filter::bilinear).pixels : bytes,
          static_cast<int>(size), zoom, x, y);
      write(captions[row][index], x, y + side + 3, ink);
      if (i % columns == 0) write(rows[row].label, gap, y + side / 2 - line, grey);
    }
  }
  return picture;
}

SheetRow sheet_row(const std::string& label, const data::Dataset& dataset, const data::Batch& batch,
                   const std::vector<int>& index) {
  SheetRow row{{label}, {}, {}};
  for (const int i : index) {
    row.images.push_back(bytes_of(batch.images, i, dataset.normalization));
    const int label_of = batch.labels[static_cast<size_t>(i)];
    row.captions.push_back({dataset.classes[static_cast<size_t>(label_of)]});
  }
  return row;
}

SheetRow mixed_sheet_row(const std::string& label, const data::Dataset& dataset, const data::Batch& batch,
                         mixup::Plan plan) {
  SheetRow row{{label}, {}, {}};
  if (plan.stage > 0) row.label.push_back(engine::text("in stage ", plan.stage));
  plan.stage = 0;
  const Tensor mixed = mixup::apply(plan, batch.images);
  const mixup::Targets targets = mixup::targets(plan, batch.labels);
  const auto share = [&](double lambda, int name) {
    const std::string percent = lambda < 0.01                 ? "<1% "
                                : lambda > 0.99 && lambda < 1 ? ">99% "
                                                              : engine::text(std::lround(100 * lambda), "% ");
    return percent + dataset.classes[static_cast<size_t>(name)];
  };
  for (size_t i = 0; i < targets.a.size(); ++i) {
    row.images.push_back(bytes_of(mixed, static_cast<int64_t>(i), dataset.normalization));
    const bool one = targets.a[i] == targets.b[i];
    row.captions.push_back({share(one ? 1 : targets.lambda[i], targets.a[i])});
    if (!one) row.captions.back().push_back(share(1 - targets.lambda[i], targets.b[i]));
  }
  return row;
}

}  // namespace apps
