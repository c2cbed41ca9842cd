// The records of a collection: gc/<k>, the list of condemned locations, and gc/<k>.verdict, which
// of them go (FORMAT.md §16). This program condemns whole packs; of another's list that names
// slots of a pack, it knows which packs these are.
#pragma once

#include <vector>

#include "repo/config.h"
#include "repo/point.h"

namespace perdure {

struct CondemnedList {
    std::uint64_t number = 0;
    std::int64_t time_ns = 0;
    std::vector<BirthPack> packs;        // all their locations are condemned
    std::vector<BirthPack> part_packs;   // only some slots of them are
    std::vector<SessionDigest> counted;  // the ends whose summaries were joined
};
/// `part_packs` must be empty.
Buffer encode_condemned_list(const CondemnedList&, DomainName);
Result<CondemnedList> decode_condemned_list(ByteView);

struct CollectionVerdict {
    std::uint64_t number = 0;
    std::int64_t time_ns = 0;
    Digest list;                        // of gc/<number>
    std::vector<BirthPack> dropped;     // whole packs; all else on the list is released
    std::vector<SessionName> barriers;  // where barrier <number> stands in each log
    std::int64_t not_before_ns = 0;     // end of the grace period
};
Buffer encode_verdict(const CollectionVerdict&, DomainName);
Result<CollectionVerdict> decode_verdict(ByteView);

}  // namespace perdure
