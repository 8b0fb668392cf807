#include <cstdio>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <string>

#include "apps/support/tensorboard.h"

/// Writes an event file to a folder, for a run that goes on at a step: lines of tag, step and value from stdin. Prints
/// the name of the file. For events.py.
int main(int argc, char** argv) {
  if (argc != 3) return 2;
  try {
    apps::EventFile file(argv[1], std::atoll(argv[2]));
    std::string tag, step, value;
    while (std::cin >> tag >> step >> value) file.add(tag, std::atoll(step.c_str()), std::atof(value.c_str()));
    std::puts(file.path().c_str());
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
