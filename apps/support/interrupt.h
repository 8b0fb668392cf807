#pragma once

namespace apps {

/// Thrown where a program ends because of a signal; the exit code is 128 + signal.
struct Interrupted {
  int signal;
};

/// From now on the first SIGINT, SIGTERM or SIGHUP is only remembered, and a second one ends the program at once.
void catch_interrupts();

/// The signal that has come, or 0.
int interrupted();

}  // namespace apps
