// Finds directories beneath the target's root, and nothing else: no "..", no symlink, no magic
// link, whatever somebody plants there while we look.
#pragma once

#include <string>
#include <string_view>

#include "base/fd.h"
#include "base/result.h"

namespace perdure {

class Resolver {
public:
    enum class Method {
        Openat2,     // the kernel resolves
        Components,  // each component by an open of its own that follows no link: older kernels,
                     // and sandboxes that do not know openat2
    };

    /// Makes `path` (which may lead through symlinks: it is the user's word) if it does not exist.
    static Result<Resolver> open(const std::string& path);
    Resolver(Fd root, Method method) : root_(std::move(root)), method_(method) {}

    /// An O_PATH descriptor of the directory at `path`, a clean path of any length. NotFound;
    /// Denied if a link or another non-directory stands in the way.
    Result<Fd> directory(std::string_view path) const;

    int root() const { return root_.get(); }
    Method method() const { return method_; }

private:
    Fd step(int from, const std::string& path) const;

    Fd root_;
    Method method_;
};

/// The directory part of a clean path ("" for one component), and the last component.
std::string_view parent_of(std::string_view path);
std::string_view name_of(std::string_view path);

}  // namespace perdure
