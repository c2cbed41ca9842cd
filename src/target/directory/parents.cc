#include "target/directory/parents.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "base/entry.h"
#include "base/try.h"

namespace perdure {

Result<std::shared_ptr<const Parent>> Parents::get(std::string_view path) {
    auto found = state_.with([&](State& state) -> std::shared_ptr<const Parent> {
        const auto at = state.open.find(path);
        return at != state.open.end() ? at->second : nullptr;
    });
    if (found) return found;
    // Opened without the lock; that two threads do so at once is harmless.
    auto parent = std::make_shared<Parent>();
    parent->fd = PERDURE_TRY(resolver_.directory(path));
    struct stat info {};
    if (::fstat(parent->fd.get(), &info) != 0)
        return system_error(errno, "opening \"" + std::string(path) + "\" in the target");
    parent->device = info.st_dev;
    state_.with([&](State& state) {
        if (!state.filesystems.contains(info.st_dev))
            state.filesystems.emplace(
                info.st_dev,
                Fd(::openat(parent->fd.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)));
        if (!state.open.emplace(path, parent).second) return;
        state.order.emplace_back(path);
        if (state.order.size() <= capacity_) return;
        state.open.erase(state.order.front());
        state.order.pop_front();
    });
    return std::shared_ptr<const Parent>(std::move(parent));
}

void Parents::forget(std::string_view path) {
    state_.with([&](State& state) {
        const auto gone = [&](const std::string& other) {
            return other == path || is_beneath(other, path);
        };
        std::erase_if(state.open, [&](const auto& item) { return gone(item.first); });
        std::erase_if(state.order, gone);
    });
}

Result<void> Parents::sync() {
    return state_.with([](State& state) -> Result<void> {
        for (const auto& [device, fd] : state.filesystems) {
            // A directory we may not read gives no descriptor that syncfs() takes.
            if (!fd) {
                ::sync();
            } else if (::syncfs(fd.get()) != 0) {
                return system_error(errno, "making the restored files durable");
            }
        }
        return {};
    });
}

}  // namespace perdure
