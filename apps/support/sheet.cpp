#include "apps/support/sheet.h"

#include <algorithm>
#include <cmath>

#include "engine/error.h"

namespace apps {
namespace {

using engine::Tensor;

std::vector<uint8_t> bytes_of(const Tensor& images, int64_t index, const data::Normalization& normalization) {
  const int64_t floats = images.elements() / images.shape()[0];
  std::vector<uint8_t> bytes;
  for (int64_t i = 0; i < floats; ++i) {
    bytes.push_back(data::denormalize(images.data()[index * floats + i], normalization, static_cast<int>(i % 3)));
  }
  return bytes;
}

}  // namespace

Picture sheet(const data::Dataset& dataset, const std::vector<SheetRow>& rows, const std::string& title) {
  const int zoom = dataset.size <= 64 ? 3 : 1;
  constexpr int columns = 8, gap = 12, left = 92, top = 40, line = Picture::line_height;
  constexpr Colour paper{250, 250, 248}, ink{30, 30, 30}, grey{120, 120, 120};
  const int side = static_cast<int>(dataset.size) * zoom, cell_w = std::max(side, 112) + gap;
  const int cell_h = side + 2 * line + gap, block_h = static_cast<int>(rows.size()) * cell_h + gap;
  const int count = static_cast<int>(rows.front().captions.size()), blocks = (count + columns - 1) / columns;

  Picture picture(left + std::min(count, columns) * cell_w + gap, top + blocks * block_h, paper);
  picture.write(title, gap, gap, ink, 2);
  const auto write = [&](const std::vector<std::string>& lines, int x, int y, Colour colour) {
    for (size_t i = 0; i < lines.size(); ++i) picture.write(lines[i], x, y + static_cast<int>(i) * line, colour);
  };
  for (int i = 0; i < count; ++i) {
    for (size_t row = 0; row < rows.size(); ++row) {
      const int x = left + i % columns * cell_w, y = top + i / columns * block_h + static_cast<int>(row) * cell_h;
      picture.paste(bytes_of(rows[row].images, i, dataset.normalization), static_cast<int>(dataset.size), zoom, x, y);
      write(rows[row].captions[static_cast<size_t>(i)], x, y + side + 3, ink);
      if (i % columns == 0) write(rows[row].label, gap, y + side / 2, grey);
    }
  }
  return picture;
}

SheetRow sheet_row(const std::string& label, const data::Dataset& dataset, const data::Batch& batch,
                   const std::vector<int>& index) {
  SheetRow row{{label}, Tensor(batch.images.shape()), {}};
  const int64_t floats = batch.images.elements() / batch.count();
  for (size_t i = 0; i < index.size(); ++i) {
    std::copy_n(batch.images.data() + index[i] * floats, floats, row.images.data() + static_cast<int64_t>(i) * floats);
    const int label_of = batch.labels[static_cast<size_t>(index[i])];
    row.captions.push_back({dataset.classes[static_cast<size_t>(label_of)]});
  }
  return row;
}

SheetRow mixed_sheet_row(const std::string& label, const data::Dataset& dataset, const data::Batch& batch,
                         mixup::Plan plan) {
  SheetRow row{{label}, {}, {}};
  if (plan.stage > 0) row.label.push_back(engine::text("in stage ", plan.stage));
  plan.stage = 0;
  row.images = mixup::apply(plan, batch.images);
  const mixup::Targets targets = mixup::targets(plan, batch.labels);
  const auto share = [&](double lambda, int name) {
    const std::string percent = lambda < 0.01                 ? "<1% "
                                : lambda > 0.99 && lambda < 1 ? ">99% "
                                                              : engine::text(std::lround(100 * lambda), "% ");
    return percent + dataset.classes[static_cast<size_t>(name)];
  };
  for (size_t i = 0; i < targets.a.size(); ++i) {
    const bool one = targets.a[i] == targets.b[i];
    row.captions.push_back({share(one ? 1 : targets.lambda[i], targets.a[i])});
    if (!one) row.captions.back().push_back(share(1 - targets.lambda[i], targets.b[i]));
  }
  return row;
}

}  // namespace apps
