#include "base/fd.h"

#include <unistd.h>

namespace perdure {

void Fd::reset() {
    // Linux releases the descriptor even when close() reports EINTR, so it is never repeated. What
    // must be durable was fsynced, and its error seen, before this point.
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

}  // namespace perdure
