#include "apps/support/progress.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "apps/support/format.h"

namespace apps {
namespace {

size_t terminal_width() {
  winsize size{};
  return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

/// Replaces the line the cursor is in, cut to the terminal's width so that it stays one line.
void redraw(const std::string& line) {
  std::fprintf(stderr, "\r\033[K%s", line.substr(0, terminal_width() - 1).c_str());
}

}  // namespace

std::string clock_time(double seconds) {
  const auto total = static_cast<long>(std::clamp(seconds, 0.0, 1e8) + 0.5);
  const long hours = total / 3600, minutes = total / 60 % 60, rest = total % 60;
  return hours ? format("%ld:%02ld:%02ld", hours, minutes, rest) : format("%ld:%02ld", minutes, rest);
}

Progress::Progress(int64_t log_interval, bool quiet)
    : terminal_(isatty(STDERR_FILENO) == 1), quiet_(quiet), log_interval_(log_interval) {}

void Progress::show(const Report& r) {
  if (quiet_) return;
  const std::string state = format("loss %.4f  lr %.4g  %.0f images/s  eta %s  data wait %.1f%%", r.loss, r.lr,
                                   r.images_per_second, clock_time(r.eta_seconds).c_str(), 100 * r.data_wait);
  if (!terminal_) {
    if (r.step % log_interval_ != 0 && r.step != r.steps) return;
    std::fprintf(stderr, "epoch %ld/%ld  step %ld/%ld (%ld%%)  %s\n", r.epoch, r.epochs, r.step, r.steps,
                 100 * r.step / r.steps, state.c_str());
    return;
  }
  if (drawn_ && since_draw_.seconds() < 0.1 && r.step != r.steps) return;
  constexpr int64_t width = 20;
  const int64_t done = width * r.step / r.steps;
  const std::string bar =
      std::string(static_cast<size_t>(done), '#') + std::string(static_cast<size_t>(width - done), '.');
  redraw(format("epoch %ld/%ld [%s] %ld/%ld  ", r.epoch, r.epochs, bar.c_str(), r.step, r.steps) + state);
  drawn_ = true;
  since_draw_.reset();
}

void Progress::note(const std::string& text) {
  if (!terminal_ || quiet_) return;
  redraw(text);
  drawn_ = true;
}

void Progress::clear() {
  if (drawn_) redraw("");
  drawn_ = false;
}

}  // namespace apps
