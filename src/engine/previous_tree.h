// The tree of the point before, to compare with: from the local cache, or from the repository where
// the owner's keys are at hand.
#pragma once

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "repo/block_reader.h"
#include "repo/local_cache.h"
#include "repo/repository.h"
#include "repo/session.h"
#include "repo/tree.h"

namespace perdure {

struct PreviousRoot {
    std::string name;
    BirthAddress page;
};

/// By root and path within it.
using PathsByRoot = std::set<std::pair<std::string, std::string>>;

struct PreviousTree {
    SessionDigest point;
    std::int64_t started_ns = 0;
    std::vector<PreviousRoot> roots;
    PathsByRoot incomplete;  // stored without all of their metadata
    LoadPage load;           // keeps what it needs alive
    bool cached = false;     // from the local cache, where all of its pages are

    const PreviousRoot* root(std::string_view name) const;
};

/// Writes the pages of a new tree into the cache as they are made, in parts of a few MiB; nothing
/// of it counts before finish(). A tree that keeps every page of the one before keeps its parts
/// too.
class TreeCacheWriter {
public:
    /// `previous`: the tree that pages are kept of, if any; outlives this.
    TreeCacheWriter(const LocalCache&, const SourceKey&, SessionName, PackRegistry&,
                    const PreviousTree* previous);
    /// A page that was stored.
    void add(const BirthAddress&, ByteView page);
    /// A page that the previous tree has too.
    void keep(const BirthAddress&);
    void finish(const SessionDigest& point, std::int64_t started_ns, const PointBody& body);

private:
    void write(const BirthAddress&, ByteView page);
    void write_kept();
    bool is_same_tree(const SessionDigest& cached) const;
    void end_part();

    const LocalCache& cache_;
    std::string prefix_;  // "tree-<source>"
    std::string session_;
    PackRegistry& registry_;
    const PreviousTree* previous_;
    std::vector<BirthAddress> kept_;  // not written yet
    bool complete_ = true;            // no kept page is missing in the parts
    Buffer part_;
    std::uint64_t parts_ = 0;
};

/// What a point stored without all of its metadata, as its issues say: to be captured again even if
/// it has not changed, or the next point would call itself complete.
PathsByRoot incomplete_paths(const PointBody&);

/// Groups the points of one source: a keyed hash of host and root names.
SourceKey source_key_of(const DedupKeys&, std::string_view host,
                        const std::vector<std::string>& roots);

/// Of this generation of the domain's keys, or else of one before: a rotation changes the key that
/// groups points, but not what their trees are worth. Nothing if there is none that counts: the
/// point it names must be read back as committed, with its digest.
std::optional<PreviousTree> find_previous_tree(const Repository&, const LocalCache&,
                                               std::string_view host,
                                               const std::vector<std::string>& roots, WriterNumber,
                                               PackRegistry&, std::stop_token);

}  // namespace perdure
