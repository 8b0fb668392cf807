#pragma once

#include <cstdint>

namespace engine {

/// While one lives, counts the multiply-adds of the convolutions and fully connected layers that its thread computes
/// forward.
class WorkCount {
 public:
  WorkCount();
  ~WorkCount();
  WorkCount(const WorkCount&) = delete;
  WorkCount& operator=(const WorkCount&) = delete;

  int64_t multiply_adds() const { return count_; }

 private:
  friend void count_work(int64_t multiply_adds);
  WorkCount* before_;
  int64_t count_ = 0;
};

/// Told by an op what it computes.
void count_work(int64_t multiply_adds);

}  // namespace engine
