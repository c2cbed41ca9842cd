// The lists of condemned locations that a session or a collector has read, with their verdicts.
//
// The invariant: what a list condemns is kept from whoever obeys it until a verdict, authenticated
// and bound to that very list, releases it; what the verdict drops is kept from everybody for good.
#pragma once

#include <cstdint>
#include <map>
#include <unordered_map>
#include <unordered_set>

#include "repo/collection_records.h"
#include "repo/repository.h"

namespace perdure {

struct ObeyedList {
    CondemnedList list;
    Digest digest;  // of gc/<k>
    std::optional<CollectionVerdict> verdict;
};

/// Not thread-safe while lists are noted; afterwards it may be asked from any thread.
class ObeyedLists {
public:
    /// Takes gc/<k>. Corrupt if it does not authenticate or is another list's record.
    Result<void> note_list(const Repository&, std::uint64_t k, ByteView object);
    /// Takes gc/<k>.verdict, after the list. Corrupt also if it is about another list's bytes.
    Result<void> note_verdict(const Repository&, std::uint64_t k, ByteView object);

    /// Lists and verdicts of a listing in order of names, several at a time; what is missing or
    /// cannot be believed is left out.
    Result<void> note_listed(const Repository&, const std::vector<ListedObject>& found,
                             std::stop_token);

    /// Whether a list keeps the locations in this pack from whoever obeys all that were noted.
    bool blocks(const BirthPack& pack) const;
    /// Whether a verdict lets it go.
    bool is_dropped(const BirthPack& pack) const { return dropped_.contains(pack); }
    /// All lists there are with their verdicts, for who obeys none but wants to know what is gone.
    /// Those that do not authenticate are left out.
    static Result<ObeyedLists> load_all(const Repository&, std::stop_token);
    bool empty() const { return lists_.empty(); }
    const std::map<std::uint64_t, ObeyedList>& lists() const { return lists_; }
    const ObeyedList* find(std::uint64_t k) const;

private:
    std::map<std::uint64_t, ObeyedList> lists_;
    std::unordered_set<BirthPack, BirthPackHash> dropped_;
    std::unordered_map<BirthPack, int, BirthPackHash> standing_;  // on how many without a verdict
};

}  // namespace perdure
