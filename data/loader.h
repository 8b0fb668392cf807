#pragma once

#include <condition_variable>
#include <exception>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "data/dataset.h"
#include "data/resident.h"
#include "engine/tensor.h"

namespace data {

/// Pictures ready for a network: images (n, size, size, 3), normalised; labels (n).
struct Batch {
  engine::Tensor images;
  std::vector<int> labels;
  int64_t epoch = 0, step = 0;  // step counts from the start of training

  int64_t count() const { return static_cast<int64_t>(labels.size()); }
};

struct LoaderOptions {
  int64_t batch = 128;
  bool train = true;  // shuffled, augmented, and without a last short batch
  uint64_t seed = 0;
  int workers = 1;    // background threads; 0 prepares every batch when it is asked for
  int64_t ahead = 3;  // how many batches are prepared in advance
  /// On cuda batches are made there and without workers, but for pictures that cannot be resident.
  engine::Device device = engine::Device::cpu;
};

/// Delivers the batches of one epoch after the other, prepared in the background. Every random choice follows from
/// (seed, epoch, sample), so the batches are the same for any number of workers, and wherever they are prepared. The
/// data set must outlive it.
class Loader {
 public:
  Loader(const Dataset& dataset, const LoaderOptions& options);
  ~Loader();
  Loader(const Loader&) = delete;
  Loader& operator=(const Loader&) = delete;

  int64_t batches() const;                       // in an epoch
  void start(int64_t epoch, int64_t first = 0);  // from batch `first`, up to batches()
  bool next(Batch& batch);                       // false at the end of the epoch
  double waited() const { return waited_; }      // seconds next() has waited for a batch, since the loader was made

 private:
  const Augmentation& augmentation() const { return options_.train ? dataset_.augmentation : dataset_.view; }
  Batch prepare(int64_t index) const;
  engine::Tensor images(int64_t first, int64_t count) const;
  void work();
  void stop();

  const Dataset& dataset_;
  LoaderOptions options_;
  std::optional<Resident> resident_;
  int64_t epoch_ = 0;
  std::vector<int> order_;
  double waited_ = 0;

  // Batch i waits in slot i % ahead until it is delivered.
  struct Slot {
    int64_t index = -1;
    Batch batch;
  };
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::thread> workers_;
  std::vector<Slot> slots_;
  int64_t claimed_ = 0, delivered_ = 0;
  std::exception_ptr error_;
  bool stopping_ = false;
};

/// The first batch of the first epoch, prepared by the calling thread.
Batch first_batch(const Dataset& dataset, LoaderOptions options);

}  // namespace data
