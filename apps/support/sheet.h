#pragma once

#include <string>
#include <vector>

#include "apps/support/picture.h"
#include "data/loader.h"
#include "mixup/plan.h"

namespace apps {

/// A row of a sheet of images: what it is, and its images, each of (size, size, 3) bytes, with the lines below it.
struct SheetRow {
  std::vector<std::string> label;
  std::vector<std::vector<uint8_t>> images;
  std::vector<std::vector<std::string>> captions;
};

/// Image `index` of those (n, size, size, 3) that were normalised so, as it was before.
std::vector<uint8_t> bytes_of(const engine::Tensor& images, int64_t index, const data::Normalization& normalization);

/// The images in the order of `index`, with their classes.
SheetRow sheet_row(const std::string& label, const data::Dataset& dataset, const data::Batch& batch,
                   const std::vector<int>& index);

/// The mixed images with both shares. What a later stage of a network would mix is shown as if images were mixed.
SheetRow mixed_sheet_row(const std::string& label, const data::Dataset& dataset, const data::Batch& batch,
                         mixup::Plan plan);

/// A column for every image, enlarged to up to 128 pixels, or made 112 where it is larger; eight beside each other,
/// then the rows again.
Picture sheet(const data::Dataset& dataset, const std::vector<SheetRow>& rows, const std::string& title);

}  // namespace apps
