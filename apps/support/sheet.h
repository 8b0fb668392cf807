#pragma once

#include <string>
#include <vector>

#include "apps/support/picture.h"
#include "data/loader.h"
#include "mixup/plan.h"

namespace apps {

/// A row of a sheet of images: what it is, and its images (n, size, size, 3), normalised, with the lines below each.
struct SheetRow {
  std::vector<std::string> label;
  engine::Tensor images;
  std::vector<std::vector<std::string>> captions;
};

/// The images in the order of `index`, with their classes.
SheetRow sheet_row(const std::string& label, const data::Dataset& dataset, const data::Batch& batch,
                   const std::vector<int>& index);

/// The mixed images with both shares. What a later stage of a network would mix is shown as if images were mixed.
SheetRow mixed_sheet_row(const std::string& label, const data::Dataset& dataset, const data::Batch& batch,
                         mixup::Plan plan);

/// A column for every image; eight beside each other, then the rows again.
Picture sheet(const data::Dataset& dataset, const std::vector<SheetRow>& rows, const std::string& title);

}  // namespace apps
