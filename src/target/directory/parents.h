// The directories that entries are being made in, held open: restores go in path order, so nearly
// every entry finds its parent here and costs no resolving.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "base/fd.h"
#include "base/guarded.h"
#include "base/result.h"
#include "target/directory/resolver.h"

namespace perdure {

/// An O_PATH descriptor; closes with its last holder.
struct Parent {
    Fd fd;
    std::uint64_t device = 0;
};

/// Thread-safe.
class Parents {
public:
    Parents(Resolver resolver, std::size_t capacity)
        : resolver_(std::move(resolver)), capacity_(capacity) {}

    Result<std::shared_ptr<const Parent>> get(std::string_view path);
    /// What was at `path` is not there any more, nor what was beneath it.
    void forget(std::string_view path);
    /// Makes everything durable on every filesystem that a directory was asked for on.
    Result<void> sync();

    int root() const { return resolver_.root(); }

private:
    struct State {
        std::map<std::string, std::shared_ptr<const Parent>, std::less<>> open;
        std::deque<std::string> order;  // as they came; the oldest goes first
        std::map<std::uint64_t, Fd> filesystems;
    };

    const Resolver resolver_;
    const std::size_t capacity_;
    Guarded<State> state_;
};

}  // namespace perdure
