#include "repo/read_ahead.h"

#include <algorithm>
#include <utility>

#include "base/try.h"

namespace perdure {

namespace {

// Blocks of other files, or of another level of the tree, may lie between two that are wanted.
constexpr std::uint64_t kSmallGap = 2U << 20;
constexpr std::uint64_t kMostOnTheirWay = ReadAhead::kStreams * ReadAhead::kMostAhead;

}  // namespace

ReadAhead::ReadAhead(Store& store) : store_(store), joins_(store.properties().connections > 2) {}

std::uint64_t ReadAhead::length_for(const Segments& segments, const ObjectName& pack,
                                    std::uint64_t size, ByteRange range) {
    std::uint64_t ahead = range.length, end = std::max(size, range.offset + range.length);
    std::uint64_t on_their_way = 0;
    for (const Segment& segment : segments) {
        if (!segment.bytes) on_their_way += segment.length;
        if (segment.pack != pack.text()) continue;
        if (segment.offset > range.offset)
            end = std::min(end, segment.offset);  // it has the rest
        else if (range.offset <= segment.end() + kSmallGap)
            ahead = std::max(ahead, std::min(2 * segment.length, kMostAhead));
    }
    ahead = std::min(ahead, kMostOnTheirWay - std::min(on_their_way, kMostOnTheirWay));
    return std::max(range.length, std::min(ahead, end - range.offset));
}

ReadAhead::Claim ReadAhead::claim(const ObjectName& pack, std::uint64_t size, ByteRange range) {
    const auto holder = [&](auto& segments) {
        return std::find_if(segments.begin(), segments.end(),
                            [&](const Segment& s) { return s.covers(pack, range); });
    };
    Segments dropped;  // freed outside the lock
    return segments_.wait(
        [&](const Segments& segments) {
            const auto at = holder(segments);
            return at == segments.end() || at->bytes;
        },
        [&](Segments& segments) {
            if (const auto at = holder(segments); at != segments.end()) {
                // What was read to its end is hardly read again.
                const bool is_last = at->end() - range.offset < 2 * range.length;
                segments.splice(is_last ? segments.end() : segments.begin(), segments, at);
                return Claim{at->bytes, range.offset - at->offset, {}};
            }
            segments.push_front(
                {pack.text(), range.offset, length_for(segments, pack, size, range), nullptr});
            std::uint64_t sum = 0;
            for (auto at = segments.begin(); at != segments.end();) {
                const auto segment = at++;
                sum += segment->length;
                if (sum > kMostMemory && segment->bytes)
                    dropped.splice(dropped.begin(), segments, segment);
            }
            return Claim{nullptr, 0, segments.begin()};
        });
}

Result<Buffer> ReadAhead::fetch(Segments::iterator mine, const ObjectName& pack, ByteRange range,
                                std::stop_token stop) {
    /// Whoever waits for the segment goes on, whatever came of it.
    struct Settle {
        Guarded<Segments>& segments;
        Segments::iterator mine;
        std::shared_ptr<const Buffer> bytes = nullptr;
        ~Settle() {
            segments.change([&](Segments& all) {
                if (bytes)
                    mine->bytes = std::move(bytes);
                else
                    all.erase(mine);
            });
        }
    } settle{segments_, mine};
    settle.bytes = std::make_shared<const Buffer>(
        PERDURE_TRY(store_.load(pack, {mine->offset, mine->length}, std::move(stop))));
    return to_buffer(ByteView(*settle.bytes).first(range.length));
}

Result<Buffer> ReadAhead::load(const ObjectName& pack, std::uint64_t size, ByteRange range,
                               std::stop_token stop) {
    if (!joins_) return store_.load(pack, range, std::move(stop));
    const Claim claimed = claim(pack, size, range);
    if (claimed.bytes) return to_buffer(ByteView(*claimed.bytes).subspan(claimed.at, range.length));
    const bool reads_ahead = claimed.mine->length > range.length;
    auto bytes = fetch(claimed.mine, pack, range, stop);
    // A pack that was cut short still has its first blocks.
    if (!bytes && bytes.error().kind() == ErrorKind::Corrupt && reads_ahead)
        return store_.load(pack, range, std::move(stop));
    return bytes;
}

}  // namespace perdure
