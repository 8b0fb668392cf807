#include "apps/support/interrupt.h"

#include <unistd.h>

#include <csignal>

namespace apps {
namespace {

volatile std::sig_atomic_t signal_come = 0;

void remember(int signal) {
  if (signal_come) ::_exit(128 + signal);
  signal_come = signal;
}

}  // namespace

void catch_interrupts() {
  struct sigaction action {};
  action.sa_handler = remember;
  action.sa_flags = SA_RESTART;
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

int interrupted() { return signal_come; }

}  // namespace apps
