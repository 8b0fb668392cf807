#include "data/loader.h"

#include <algorithm>
#include <chrono>
#include <numeric>

#include "engine/error.h"

namespace data {

using engine::Purpose;
using engine::Rng;
using engine::Tensor;

Loader::Loader(const Dataset& dataset, const LoaderOptions& options)
    : dataset_(dataset), options_(options), slots_(static_cast<size_t>(std::max<int64_t>(1, options.ahead))) {
  ENSURE(options.batch >= 1, "loader: batch size ", options.batch, " is below 1");
  ENSURE(batches() >= 1, "data set ", dataset.name, ": its ", dataset.count(), " pictures do not fill one batch of ",
         options.batch);
  if (options.device == engine::Device::cuda && Resident::bytes(dataset, augmentation()) > 0) {
    resident_.emplace(dataset, augmentation());
    options_.workers = 0;
  }
}

Loader::~Loader() { stop(); }

int64_t Loader::batches() const {
  return options_.train ? dataset_.count() / options_.batch : (dataset_.count() + options_.batch - 1) / options_.batch;
}

void Loader::start(int64_t epoch, int64_t first) {
  ENSURE(first >= 0 && first <= batches(), "loader: batch ", first, " of ", batches());
  stop();
  epoch_ = epoch;
  if (options_.train) {
    order_ = Rng(options_.seed, Purpose::shuffle, static_cast<uint32_t>(epoch))
                 .permutation(static_cast<int>(dataset_.count()));
  } else {
    order_.resize(static_cast<size_t>(dataset_.count()));
    std::iota(order_.begin(), order_.end(), 0);
  }
  if (resident_) resident_->set_order(order_);
  claimed_ = delivered_ = first;
  for (int i = 0; i < options_.workers; ++i) workers_.emplace_back([this] { work(); });
}

bool Loader::next(Batch& batch) {
  ENSURE(!order_.empty(), "loader: next() before start()");
  if (delivered_ == batches()) return false;
  const auto before = std::chrono::steady_clock::now();
  const auto waited = [&] { return std::chrono::duration<double>(std::chrono::steady_clock::now() - before).count(); };
  if (workers_.empty()) {
    batch = {};  // its memory serves the next one
    batch = prepare(delivered_++);
    waited_ += waited();
    return true;
  }
  std::unique_lock lock(mutex_);
  Slot& slot = slots_[static_cast<size_t>(delivered_) % slots_.size()];
  changed_.wait(lock, [&] { return error_ || slot.index == delivered_; });
  waited_ += waited();
  if (error_) std::rethrow_exception(error_);
  batch = std::move(slot.batch);
  ++delivered_;
  changed_.notify_all();
  return true;
}

Batch Loader::prepare(int64_t index) const {
  const int64_t begin = index * options_.batch, end = std::min(dataset_.count(), begin + options_.batch);
  Batch batch{images(begin, end - begin), {}, epoch_, epoch_ * batches() + index};
  for (int64_t i = begin; i < end; ++i) {
    batch.labels.push_back(dataset_.labels[static_cast<size_t>(order_[static_cast<size_t>(i)])]);
  }
  return batch;
}

Tensor Loader::images(int64_t first, int64_t count) const {
  const auto epoch = static_cast<uint32_t>(epoch_);
#ifdef DEMIX_CUDA
  if (resident_) return resident_->images(first, count, options_.seed, epoch);
#endif
  const int64_t size = dataset_.size;
  Tensor images({count, size, size, 3});
  for (int64_t i = 0; i < count; ++i) {
    const int sample = order_[static_cast<size_t>(first + i)];
    const Rng rng(options_.seed, Purpose::augment, epoch, static_cast<uint32_t>(sample));
    const auto see = [&](const ImageView& picture) {
      data::prepare(picture, size, dataset_.normalization, augmentation(), rng, images.data() + i * size * size * 3);
    };
    if (dataset_.files.empty()) see({size, size, dataset_.picture(sample)});
    else see(read_image(dataset_.files[static_cast<size_t>(sample)]));
  }
  return images;
}

void Loader::work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    const auto room = [&] { return claimed_ < delivered_ + static_cast<int64_t>(slots_.size()); };
    changed_.wait(lock, [&] { return stopping_ || error_ || claimed_ == batches() || room(); });
    if (stopping_ || error_ || claimed_ == batches()) return;
    const int64_t index = claimed_++;
    lock.unlock();
    Batch batch;
    std::exception_ptr error;
    try {
      batch = prepare(index);
    } catch (...) {
      error = std::current_exception();
    }
    lock.lock();
    if (error) error_ = error;
    else slots_[static_cast<size_t>(index) % slots_.size()] = {index, std::move(batch)};
    changed_.notify_all();
  }
}

void Loader::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  for (std::thread& worker : workers_) worker.join();
  workers_.clear();
  stopping_ = false;
  error_ = nullptr;
  for (Slot& slot : slots_) slot = {};
}

Batch first_batch(const Dataset& dataset, LoaderOptions options) {
  options.workers = 0;
  Loader loader(dataset, options);
  loader.start(0);
  Batch batch;
  loader.next(batch);
  return batch;
}

}  // namespace data
