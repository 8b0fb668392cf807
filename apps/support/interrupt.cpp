#include "apps/support/interrupt.h"

#include <unistd.h>

#include <csignal>
#include <initializer_list>

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
  for (const int signal : {SIGINT, SIGTERM}) sigaction(signal, &action, nullptr);
  struct sigaction before {};
  sigaction(SIGHUP, nullptr, &before);
  if (before.sa_handler != SIG_IGN) sigaction(SIGHUP, &action, nullptr);  // else it is by nohup
  std::signal(SIGPIPE, SIG_IGN);  // a training does not end because nobody reads what it prints
}

int interrupted() { return signal_come; }

}  // namespace apps
