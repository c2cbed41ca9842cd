#include "repo/read_ahead.h"

#include <algorithm>

#include "base/try.h"

namespace perdure {

namespace {

// Blocks of other files, or of another level of the tree, may lie between two that are wanted.
constexpr std::uint64_t kSmallGap = 2U << 20;

}  // namespace

ReadAhead::ReadAhead(Store& store) : store_(store), joins_(store.properties().connections > 2) {}

std::optional<Buffer> ReadAhead::known(const ObjectName& pack, ByteRange range) {
    std::shared_ptr<const Buffer> bytes;
    std::uint64_t at = 0;
    windows_.with([&](std::list<Window>& windows) {
        for (auto window = windows.begin(); window != windows.end(); ++window) {
            if (window->pack != pack.text() || range.offset < window->offset ||
                range.offset + range.length > window->offset + window->bytes->size())
                continue;
            bytes = window->bytes;
            at = range.offset - window->offset;
            window->next = range.offset + range.length;
            windows.splice(windows.begin(), windows, window);
            return;
        }
    });
    if (!bytes) return std::nullopt;
    const ByteView view(*bytes);
    return to_buffer(view.subspan(at, range.length));
}

std::uint64_t ReadAhead::length_for(const ObjectName& pack, std::uint64_t size, ByteRange range) {
    std::uint64_t ahead = range.length;
    windows_.with([&](std::list<Window>& windows) {
        for (const Window& window : windows) {
            const bool follows = window.pack == pack.text() && range.offset >= window.next &&
                                 range.offset - window.next <= kSmallGap;
            if (follows) ahead = std::max(ahead, std::min(2 * window.ahead, kMostAhead));
        }
    });
    return range.offset < size ? std::min(ahead, size - range.offset) : ahead;
}

Result<Buffer> ReadAhead::load(const ObjectName& pack, std::uint64_t size, ByteRange range,
                               std::stop_token stop) {
    if (!joins_) return store_.load(pack, range, std::move(stop));
    if (auto found = known(pack, range)) return std::move(*found);
    const std::uint64_t length = std::max(range.length, length_for(pack, size, range));
    auto bytes = store_.load(pack, {range.offset, length}, stop);
    // A pack that was cut short still has its first blocks.
    if (!bytes && bytes.error().kind() == ErrorKind::Corrupt && length > range.length)
        return store_.load(pack, range, std::move(stop));
    auto shared = std::make_shared<const Buffer>(PERDURE_TRY(std::move(bytes)));
    Buffer wanted = to_buffer(ByteView(*shared).first(range.length));
    Window window{pack.text(), range.offset, std::move(shared), range.offset + range.length,
                  length};
    windows_.with([&](std::list<Window>& windows) {
        // One window a pack: what lies behind its last read is what comes next.
        windows.remove_if([&](const Window& old) { return old.pack == window.pack; });
        windows.push_front(std::move(window));
        if (windows.size() > kWindows) windows.pop_back();
    });
    return wanted;
}

}  // namespace perdure
