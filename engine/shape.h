#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <ostream>

#include "engine/error.h"

namespace engine {

/// The extents of a tensor, outermost first, at most four of them: (n, h, w, c) for images, (n, c) for rows.
class Shape {
 public:
  Shape() = default;
  Shape(std::initializer_list<int64_t> extents) : rank_(static_cast<int>(extents.size())) {
    ENSURE(extents.size() <= extents_.size(), "shape: rank ", extents.size(), " is above 4");
    int i = 0;
    for (int64_t extent : extents) {
      ENSURE(extent >= 0, "shape: extent ", extent, " is negative");
      extents_[i++] = extent;
    }
  }

  int rank() const { return rank_; }
  int64_t operator[](int i) const { return extents_[i]; }
  int64_t last() const { return extents_[rank_ - 1]; }
  int64_t elements() const {
    int64_t product = 1;
    for (int i = 0; i < rank_; ++i) product *= extents_[i];
    return product;
  }
  bool operator==(const Shape&) const = default;

 private:
  std::array<int64_t, 4> extents_{};
  int rank_ = 0;
};

inline std::ostream& operator<<(std::ostream& out, const Shape& shape) {
  out << '(';
  for (int i = 0; i < shape.rank(); ++i) out << (i ? ", " : "") << shape[i];
  return out << ')';
}

}  // namespace engine
