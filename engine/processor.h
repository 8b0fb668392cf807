#pragma once

namespace engine {

/// Prints one line and ends the program where the processor lacks instructions that this build was compiled for. It
/// does so by itself before main(); naming it here is what links it into a program.
void require_processor();

}  // namespace engine
