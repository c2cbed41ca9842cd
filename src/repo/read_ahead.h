// Reads of blocks from packs, joined where a request costs more than the bytes behind it.
//
// What lies next to each other in a pack is mostly wanted together: related blocks are stored in
// stream order. So a read that follows what was read of its pack asks for twice as much as that, up
// to kMostAhead, and the blocks behind it come out of memory; a read elsewhere begins anew with
// what was asked for. No byte is asked for that memory has, or that another thread is waiting for.
// A store on a disk is read block by block. Thread-safe.
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <string>

#include "base/guarded.h"
#include "store/store.h"

namespace perdure {

class ReadAhead {
public:
    static constexpr std::uint64_t kMostAhead = 6U << 20;
    static constexpr std::uint64_t kStreams = 8;  // that read as far ahead side by side
    /// Of each stream the stretch that it reads and the one that it asks for.
    static constexpr std::uint64_t kMostMemory = 2 * kStreams * kMostAhead;

    explicit ReadAhead(Store& store);

    /// The bytes `range` of a pack of `size` bytes.
    Result<Buffer> load(const ObjectName& pack, std::uint64_t size, ByteRange range,
                        std::stop_token stop);

private:
    /// A stretch of a pack: in memory, or on its way.
    struct Segment {
        std::string pack;
        std::uint64_t offset = 0;
        std::uint64_t length = 0;
        std::shared_ptr<const Buffer> bytes = nullptr;

        std::uint64_t end() const { return offset + length; }
        bool covers(const ObjectName& name, ByteRange range) const {
            return pack == name.text() && range.offset >= offset &&
                   range.offset + range.length <= end();
        }
    };
    using Segments = std::list<Segment>;  // dropped from the end, but never while on their way
    /// Where the bytes are, or what the caller has to load now.
    struct Claim {
        std::shared_ptr<const Buffer> bytes;
        std::uint64_t at = 0;
        Segments::iterator mine{};
    };

    Claim claim(const ObjectName& pack, std::uint64_t size, ByteRange range);
    static std::uint64_t length_for(const Segments&, const ObjectName& pack, std::uint64_t size,
                                    ByteRange range);
    Result<Buffer> fetch(Segments::iterator mine, const ObjectName& pack, ByteRange range,
                         std::stop_token stop);

    Store& store_;
    const bool joins_;
    Guarded<Segments> segments_;
};

}  // namespace perdure
