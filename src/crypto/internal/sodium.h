// libsodium must be initialised before its first call.
#pragma once

namespace perdure {

/// Cheap after the first call; thread-safe. Ends the process if libsodium cannot start.
void start_sodium();

}  // namespace perdure
