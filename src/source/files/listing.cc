#include "source/files/listing.h"

#include <fcntl.h>

#include <cerrno>

namespace perdure {

Fd open_directory(int parent, const char* name) {
    constexpr int kFlags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK;
    Fd fd(::openat(parent, name, kFlags | O_NOATIME));
    if (!fd && errno == EPERM) fd = Fd(::openat(parent, name, kFlags));  // not its owner
    return fd;
}

}  // namespace perdure
