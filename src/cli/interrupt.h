// SIGINT and SIGTERM ask the running command to stop; a second one ends the process at once.
// SIGUSR1 asks for a progress line.
#pragma once

#include <stop_token>

namespace perdure {

/// Blocks the signals and starts the thread that waits for them. Call once, before any other
/// thread.
void install_interrupts();
std::stop_token interrupt_token();
/// True once for every SIGUSR1 since the last call.
bool progress_was_asked_for();

}  // namespace perdure
