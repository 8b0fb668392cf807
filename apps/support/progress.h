#pragma once

#include <chrono>
#include <string>

namespace apps {

/// Seconds since it was made or reset.
class Stopwatch {
 public:
  double seconds() const { return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count(); }
  void reset() { start_ = std::chrono::steady_clock::now(); }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

/// Seconds as "0:07", "12:34" or "1:02:03".
std::string clock_time(double seconds);

/// What is known after a step; `steps` is the length of the epoch, `data_wait` a share of the time from 0 to 1.
struct StepReport {
  int64_t epoch, epochs, step, steps;
  double loss, lr, images_per_second, eta_seconds, data_wait;
};

/// It on one line of less than so many columns. Where there is not the room for all of it, the bar is shorter, then
/// words are left out, then the bar, then numbers that matter less.
std::string progress_line(const StepReport& report, size_t columns);

/// Shows how training goes on stderr: one line that is redrawn where that is a terminal, else a line now and then.
class Progress {
 public:
  explicit Progress(int64_t log_interval, bool quiet = false);  // quiet: shows nothing
  ~Progress() { clear(); }
  void show(const StepReport& report);
  void note(const std::string& text);  // "evaluating", on a terminal only
  void clear();                        // before anything else is printed
  bool terminal() const { return terminal_; }

 private:
  bool terminal_, quiet_;
  int64_t log_interval_;
  bool drawn_ = false;
  Stopwatch since_draw_;
};

}  // namespace apps
