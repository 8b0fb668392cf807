#include "engine/parallel.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

#include "engine/error.h"

#if defined(__SSE__)
#include <immintrin.h>
#endif

namespace engine {
namespace {

using Body = std::function<void(int64_t, int64_t)>;

thread_local bool inside_chunk = false;

/// While it lives, its thread is inside a chunk and treats denormal numbers as zero.
class InsideChunk {
 public:
  InsideChunk() : was_inside_(inside_chunk) {
    inside_chunk = true;
#if defined(__SSE__)
    before_ = _mm_getcsr();
    _mm_setcsr(before_ | 0x8040);  // flush to zero, denormals are zero
#endif
  }
  ~InsideChunk() {
    inside_chunk = was_inside_;
#if defined(__SSE__)
    _mm_setcsr(before_);
#endif
  }
  InsideChunk(const InsideChunk&) = delete;
  InsideChunk& operator=(const InsideChunk&) = delete;

 private:
  bool was_inside_;
  unsigned before_ = 0;
};

/// One parallel_for: threads take the next chunk until none is left.
struct Job {
  int64_t n, grain;
  const Body& body;
  std::atomic<int64_t> next{0};
  std::mutex mutex{};
  std::exception_ptr error{};

  void work() {
    const InsideChunk inside;
    for (int64_t begin; (begin = next.fetch_add(grain)) < n;) {
      try {
        body(begin, std::min(n, begin + grain));
      } catch (...) {
        const std::lock_guard lock(mutex);
        if (!error) error = std::current_exception();
      }
    }
  }
};

/// Waits a little for what is most likely near: to sleep and be woken takes longer than the pauses between most jobs.
template <class Ready>
void spin(Ready ready) {
  using Clock = std::chrono::steady_clock;
  const auto stop = Clock::now() + std::chrono::microseconds(100);
  while (!ready() && Clock::now() < stop) {
    std::this_thread::yield();  // to a thread that has no core of its own
  }
}

/// Persistent workers that join in every job.
class Workers {
 public:
  ~Workers() { resize(0); }

  /// Starts or stops threads until there are that many.
  void resize(int count) {
    if (count == size()) return;
    {
      const std::lock_guard lock(mutex_);
      stop_ = true;
    }
    wake_.notify_all();
    for (std::thread& worker : workers_) worker.join();
    workers_.clear();
    stop_ = false;
    for (int i = 0; i < count; ++i) workers_.emplace_back([this, seen = generation_.load()] { serve(seen); });
  }

  int size() const { return static_cast<int>(workers_.size()); }

  void run(Job& job) {
    {
      const std::lock_guard lock(mutex_);
      job_ = &job;
      busy_ = size();
      ++generation_;
    }
    wake_.notify_all();
    job.work();
    spin([this] { return busy_ == 0; });
    std::unique_lock lock(mutex_);
    done_.wait(lock, [this] { return busy_ == 0; });
    job_ = nullptr;
  }

  std::mutex owner;  // held by the thread whose job runs

 private:
  void serve(int64_t seen) {
    for (;;) {
      Job* job = nullptr;
      spin([&] { return stop_ || generation_ != seen; });
      {
        std::unique_lock lock(mutex_);
        wake_.wait(lock, [&] { return stop_ || generation_ != seen; });
        if (stop_) return;
        seen = generation_;
        job = job_;
      }
      job->work();
      const std::lock_guard lock(mutex_);
      if (--busy_ == 0) done_.notify_one();
    }
  }

  std::vector<std::thread> workers_;
  std::mutex mutex_;
  std::condition_variable wake_, done_;
  Job* job_ = nullptr;
  std::atomic<int> busy_ = 0;
  std::atomic<int64_t> generation_ = 0;
  std::atomic<bool> stop_ = false;
};

Workers workers;
std::atomic<int> thread_count{static_cast<int>(std::max(1u, std::thread::hardware_concurrency()))};

}  // namespace

void set_threads(int count) {
  ENSURE(count >= 1 && count <= 1024, "threads: ", count, " is not between 1 and 1024");
  ENSURE(!inside_chunk, "threads: cannot change while they work");
  thread_count = count;
}

int threads() { return thread_count; }

void parallel_for(int64_t n, int64_t grain, const Body& body) {
  ENSURE(grain >= 1, "parallel_for: grain ", grain, " is below 1");
  Job job{n, grain, body};
  std::unique_lock owner(workers.owner, std::defer_lock);
  if (n > grain && !inside_chunk && thread_count > 1 && owner.try_lock()) {
    workers.resize(thread_count - 1);
    workers.run(job);
  } else {
    job.work();
  }
  if (job.error) std::rethrow_exception(job.error);
}

}  // namespace engine
