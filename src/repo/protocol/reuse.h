// Which blocks a session may build on (DESIGN §5.4, §7): pure predicates over plain values.
//
// A block is named for life by its birth address; a location is where it lies now. A session may
// name a birth address in what it commits if it knows one counting location of it that no list it
// obeys keeps from it. Nothing carried over from earlier (cached trees, open recipes, checkpoints)
// is exempt: it passes the same test after the number is taken, or is read and written anew.
#pragma once

#include <algorithm>

#include "repo/protocol/facts.h"

namespace perdure::protocol {

struct Location {
    PackToken pack = 0;
    std::uint32_t slot = 0;

    friend auto operator<=>(const Location&, const Location&) = default;
};

struct BirthAddress {
    Writer writer = 0;
    Number session = 0;
    Location at;

    friend auto operator<=>(const BirthAddress&, const BirthAddress&) = default;
};

/// Who stands behind an index: the number it was written under, and whether that number is
/// committed with this very index (the ending was read, authentic, no fence, and binds its digest).
struct IndexFact {
    Writer writer = 0;
    Number number = 0;
    bool by_maintainer = false;  // the session was an owner's or a maintainer's
    bool committed = false;
};

/// Whether `at`, as stated by `index`, is a location of `block` that counts. A writer's index
/// speaks only of blocks born in its own session, at their birth place; anything else in it is
/// ignored, so that an enrolled host cannot talk a collector into dropping the true copy.
constexpr bool counts(const BirthAddress& block, const Location& at, const IndexFact& index) {
    if (!index.committed) return false;
    if (index.by_maintainer) return true;
    return index.writer == block.writer && index.number == block.session && at == block.at;
}

/// What one obeyed list says about one location.
struct ListOpinion {
    bool condemned = false;  // the location is on the list
    bool has_verdict = false;
    bool dropped = false;  // the verdict drops its pack
};

/// Whether a list keeps a location from a session that obeys it: until a verdict releases it.
constexpr bool blocks(const ListOpinion& opinion) {
    return opinion.condemned && (!opinion.has_verdict || opinion.dropped);
}

/// Whether a session may name a block in what it will commit. `counting` are the locations known of
/// it for which counts() holds; `is_blocked(location)` is true if any obeyed list blocks() it.
/// Lists the session obeys are all those up to SessionBegin::obeys(), read after its number was
/// taken.
template <class Locations, class IsBlocked>
constexpr bool may_reuse(const Locations& counting, IsBlocked&& is_blocked) {
    return std::any_of(std::begin(counting), std::end(counting),
                       [&](const Location& at) { return !is_blocked(at); });
}

}  // namespace perdure::protocol
