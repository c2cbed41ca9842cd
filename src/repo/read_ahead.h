// Reads of blocks from packs, joined where a request costs more than the bytes behind it.
//
// What lies next to each other in a pack is mostly wanted together: related blocks are stored in
// stream order. So when reads of one pack come in order, the next request asks for twice as much as
// the last one, up to kMostAhead, and the following blocks come out of memory; a read elsewhere
// begins anew with what was asked for. A store on a disk is read block by block. Thread-safe.
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
    static constexpr std::uint64_t kMostAhead = 16U << 20;
    static constexpr std::size_t kWindows = 4;  // that many times kMostAhead of memory

    explicit ReadAhead(Store& store);

    /// The bytes `range` of a pack of `size` bytes.
    Result<Buffer> load(const ObjectName& pack, std::uint64_t size, ByteRange range,
                        std::stop_token stop);

private:
    struct Window {
        std::string pack;
        std::uint64_t offset = 0;
        std::shared_ptr<const Buffer> bytes;
        std::uint64_t next = 0;  // where reads in order go on
        std::uint64_t ahead = 0;
    };
    /// What memory has of the range, if it has it all.
    std::optional<Buffer> known(const ObjectName& pack, ByteRange range);
    std::uint64_t length_for(const ObjectName& pack, std::uint64_t size, ByteRange range);

    Store& store_;
    const bool joins_;
    Guarded<std::list<Window>> windows_;  // newest use first
};

}  // namespace perdure
