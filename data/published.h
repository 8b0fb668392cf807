#pragma once

#include <string>
#include <vector>

#include "data/dataset.h"

namespace data {

/// A file whose MD5 is known.
struct PublishedFile {
  Split split;
  std::string name;  // below the data set's folder
  std::string md5;
};

/// What is known about a data set as its publisher ships it.
struct Published {
  std::string name;
  std::string folder;   // that its archive unpacks to
  int64_t train, test;  // images
  std::vector<PublishedFile> files = {};
};

/// What is known about a data set; null where that is nothing.
const Published* published(const std::string& dataset);

}  // namespace data
