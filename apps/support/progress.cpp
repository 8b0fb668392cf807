#include "apps/support/progress.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <initializer_list>
#include <iterator>

#include "apps/support/format.h"

namespace apps {
namespace {

size_t terminal_width() {
  winsize size{};
  return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

std::string state_of(const StepReport& report) {
  return format("loss %s  lr %.4g  %.0f images/s  eta %s  data wait %.1f%%", loss_text(report.loss).c_str(), report.lr,
                report.images_per_second, clock_time(report.eta_seconds).c_str(), 100 * report.data_wait);
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

std::string progress_line(const StepReport& r, size_t columns) {
  const std::string epoch = format("%ld/%ld", r.epoch, r.epochs), step = format("%ld/%ld", r.step, r.steps),
                    loss = loss_text(r.loss), eta = clock_time(r.eta_seconds);
  const double wait = 100 * r.data_wait;
  const std::string few = format("%.0f/s  eta %s  wait %.0f%%", r.images_per_second, eta.c_str(), wait),
                    some = format("loss %s  lr %.3g  %s", loss.c_str(), r.lr, few.c_str());
  for (const auto& [name, state] : {std::pair{"epoch ", state_of(r)}, {"", some}}) {
    const std::string before = name + epoch + " [", behind = "] " + step + "  " + state;
    const size_t used = before.size() + behind.size();
    if (used + 5 >= columns) continue;
    const size_t width = std::min<size_t>(20, columns - 1 - used);
    const size_t done = width * static_cast<size_t>(r.step) / static_cast<size_t>(r.steps);
    return before + std::string(done, '#') + std::string(width - done, '.') + behind;
  }
  const std::string place = epoch + " " + step,
                    lines[] = {place + "  " + some, format("%s  loss %s  %s", place.c_str(), loss.c_str(), few.c_str()),
                               format("%s  loss %s  eta %s", place.c_str(), loss.c_str(), eta.c_str()), place};
  const auto fits = [&](const std::string& line) { return line.size() < columns; };
  return *std::find_if(std::begin(lines), std::end(lines) - 1, fits);
}

Progress::Progress(int64_t log_interval, bool quiet)
    : terminal_(isatty(STDERR_FILENO) == 1), quiet_(quiet), log_interval_(log_interval) {}

void Progress::show(const StepReport& report) {
  if (quiet_) return;
  if (!terminal_) {
    if (report.step % log_interval_ != 0 && report.step != report.steps) return;
    std::fprintf(stderr, "epoch %ld/%ld  step %ld/%ld (%ld%%)  %s\n", report.epoch, report.epochs, report.step,
                 report.steps, 100 * report.step / report.steps, state_of(report).c_str());
    return;
  }
  if (drawn_ && since_draw_.seconds() < 0.1 && report.step != report.steps) return;
  redraw(progress_line(report, terminal_width()));
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
