// An open directory and who it is. Shared by the walk's stack and by the entries walked in it.
#pragma once

#include <cstdint>

#include "base/fd.h"

namespace perdure {

class DirectoryHandle {
public:
    DirectoryHandle(Fd fd, std::uint64_t device, std::uint64_t inode)
        : fd_(std::move(fd)), device_(device), inode_(inode) {}

    int fd() const { return fd_.get(); }
    std::uint64_t device() const { return device_; }
    std::uint64_t inode() const { return inode_; }

private:
    Fd fd_;
    std::uint64_t device_;
    std::uint64_t inode_;
};

}  // namespace perdure
