#pragma once

#include <functional>

namespace engine {

/// Work on the GPU that is recorded once and then begun again by a single call, where kernel by kernel the CPU would be
/// too slow for it (a CUDA graph). It reads and writes the memory that it was recorded with.
class Recording {
 public:
  /// Records what `work` begins on the GPU, and does none of it. The same work must have been done before, so that all
  /// of it is prepared; and it must neither wait for the GPU nor copy from or to the CPU: an Error where it does.
  explicit Recording(const std::function<void()>& work);
  ~Recording();
  Recording(const Recording&) = delete;
  Recording& operator=(const Recording&) = delete;

  void run();

 private:
  void* graph_ = nullptr;
};

}  // namespace engine
