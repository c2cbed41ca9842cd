#include "repo/own_leaves.h"

#include <algorithm>
#include <map>

#include "repo/pack_catalog.h"
#include "repo/session_cache.h"

namespace perdure {

namespace {

constexpr std::string_view kSessionsFile = "leaves";
// The list of cached sessions is written anew only when that saves reading more than a few endings;
// over a network always.
constexpr std::uint64_t kEndingsReadAgain = 8;
// More are listed: a listing of a thousand costs a network what a few questions do.
constexpr std::uint64_t kEndingsAskedOneByOne = 16;

std::string leaves_file(SessionNumber session) {
    return std::string(kSessionsFile) + "-" + std::to_string(number(session));
}

/// Fingerprints of a session's packs: its hints object, or the packs' own manifests when that is
/// gone.
std::vector<PackHints> hints_of(const Repository& repository, SessionName session,
                                const Index& index, LeafIndex& leaves, std::stop_token stop) {
    const ObjectName name = names::hints(session);
    if (const auto object = repository.store().load(name, ByteRange::all(), stop))
        if (const auto opened =
                repository.open_by_writer(ObjectType::Hints, name, session.writer, *object))
            if (auto hints = decode_hints(opened->body)) return std::move(*hints);
    std::vector<PackHints> hints;
    for (const PackTable& table : index.packs) {
        const auto manifest = load_manifest(repository, table, stop);
        if (!manifest) {
            leaves.note_unread(manifest.error());
            continue;
        }
        PackHints pack{table.pack.pack, {}};
        for (const LeafRecord& leaf : manifest->leaves)
            pack.fingerprints.push_back(leaf.id.fingerprint());
        hints.push_back(std::move(pack));
    }
    return hints;
}

/// As bound_index(), with the reason. An end that is not there is an interrupted session's.
Result<std::shared_ptr<const Index>> read_bound_index(const Repository& repository,
                                                      SessionName session, std::stop_token stop) {
    const std::shared_ptr<const Index> none;
    const auto point = repository.load_point(session, stop);
    if (!point && point.error().kind() == ErrorKind::NotFound) return none;
    if (!point) return point.error();
    if (!point->header.index) return none;
    return repository.load_index(session, point->header.index, stop, IndexParts::WithoutLiveness);
}

class LeafLoader {
public:
    LeafLoader(const Repository& repository, const LocalCache& cache, const WriteSession& session,
               LeafIndex& leaves, std::stop_token stop)
        : repository_(repository),
          cache_(cache),
          session_(session),
          leaves_(leaves),
          stop_(std::move(stop)) {
        if (const auto bytes = cache.load(kSessionsFile))
            known_ = decode_cached_sessions(*bytes).value_or(CachedSessions{});
        if (number(known_.below) > number(session.name().session)) known_ = {};
    }

    void run() {
        const std::uint64_t settled = settled_below();
        std::vector<SessionNumber> fresh;
        for (std::uint64_t n = number(session_.name().session); n-- > number(known_.below);)
            if (from_repository(SessionNumber{n}, n < settled) && n < settled)
                fresh.push_back(SessionNumber{n});
        for (auto known = known_.sessions.rbegin(); known != known_.sessions.rend(); ++known)
            if (!from_cache(*known)) from_repository(*known, true);
        attach_moved();
        const bool is_near = repository_.store().properties().connections <= 2;
        const std::uint64_t again = is_near ? kEndingsReadAgain : 0;
        if (fresh.empty() && settled <= number(known_.below) + again) return;
        known_.below = SessionNumber{std::max(settled, number(known_.below))};
        known_.sessions.insert(known_.sessions.end(), fresh.rbegin(), fresh.rend());
        cache_.save(kSessionsFile, encode_cached_sessions(known_));
    }

private:
    /// Above the newest one that has ended nothing is known for good. An older one that is still
    /// open may yet commit, and its leaves are then stored again: waiting for one that crashed
    /// would never end.
    std::uint64_t settled_below() const {
        std::uint64_t n = number(session_.name().session);
        const std::uint64_t unknown = n - number(known_.below);
        if (unknown > kEndingsAskedOneByOne) return std::max(newest_listed(), number(known_.below));
        while (n > number(known_.below) && !is_ended(SessionNumber{n - 1})) --n;
        return n;
    }
    bool is_ended(SessionNumber n) const {
        return repository_.store().stat(names::point(own(n)), stop_).has_value();
    }
    /// The number behind that of the newest own session that ended, as one listing has it.
    std::uint64_t newest_listed() const {
        std::uint64_t below = 0;
        const auto listed = repository_.store().list(
            names::points_prefix(session_.name().writer),
            [&](std::string_view name, const ObjectStat&) {
                if (const auto point = names::parse_point(name);
                    point && point->session < session_.name().session)
                    below = std::max(below, number(point->session) + 1);
                return true;
            },
            stop_);
        return listed ? below : 0;
    }
    SessionName own(SessionNumber n) const { return {session_.name().writer, n}; }

    bool from_cache(SessionNumber n) {
        const auto bytes = cache_.load(leaves_file(n));
        const auto part = bytes ? decode_cached_leaves(*bytes) : std::nullopt;
        if (!part) return false;
        const auto index = decode_index(part->index, IndexParts::WithoutLiveness);
        const auto hints = decode_hints(part->hints);
        if (!index || !hints || index->session != own(n)) return false;
        attach(index->packs, *hints);
        return true;
    }

    /// False if there is nothing to reuse.
    bool from_repository(SessionNumber n, bool keep) {
        const auto read = read_bound_index(repository_, own(n), stop_);
        // A collection deletes the indexes of points that expired.
        if (!read && read.error().kind() != ErrorKind::NotFound) leaves_.note_unread(read.error());
        const auto index = read ? *read : nullptr;
        if (!index || index->packs.empty()) return false;
        const auto hints = hints_of(repository_, own(n), *index, leaves_, stop_);
        attach(index->packs, hints);
        if (!keep) return true;
        Index packs_only;
        packs_only.session = own(n);
        packs_only.packs = index->packs;
        cache_.save(leaves_file(n),
                    encode_cached_leaves({encode_index(packs_only), encode_hints(hints)}));
        return true;
    }

    void attach(const std::vector<PackTable>& packs, const std::vector<PackHints>& hints) {
        std::map<PackId, const PackHints*> by_pack;
        for (const PackHints& pack : hints) by_pack.emplace(pack.pack, &pack);
        for (const PackTable& table : packs) {
            const auto at = by_pack.find(table.pack.pack);
            if (at != by_pack.end() && session_.may_reuse(table.pack))
                leaves_.attach(table, at->second->fingerprints);
        }
    }

    /// Where there were collections, packs of this writer may be gone, and their indexes with them:
    /// what was live in them lies in packs of maintainers. Only packs that hold nothing of other
    /// writers are asked.
    void attach_moved() {
        const auto moved = session_.moved_blocks(stop_);
        if (!moved) return;
        std::map<SessionName, std::vector<PackHints>> hints;
        for (const MovedBlocks::Holder& holder : moved->holders()) {
            const auto& slots = holder.table->slots;
            const bool all_own =
                std::all_of(slots.begin(), slots.end(), [&](const SlotEntry& slot) {
                    return slot.birth.pack.session.writer == session_.name().writer;
                });
            if (!all_own || !session_.may_reuse(holder.table->pack)) continue;
            if (!hints.contains(holder.session)) {
                Index packs_only;
                packs_only.session = holder.session;
                for (const MovedBlocks::Holder& of_same : moved->holders())
                    if (of_same.session == holder.session)
                        packs_only.packs.push_back(*of_same.table);
                hints[holder.session] =
                    hints_of(repository_, holder.session, packs_only, leaves_, stop_);
            }
            for (const PackHints& pack : hints[holder.session])
                if (pack.pack == holder.table->pack.pack)
                    leaves_.attach(*holder.table, pack.fingerprints);
        }
    }

    const Repository& repository_;
    const LocalCache& cache_;
    const WriteSession& session_;
    LeafIndex& leaves_;
    const std::stop_token stop_;
    CachedSessions known_;
};

}  // namespace

std::shared_ptr<const Index> bound_index(const Repository& repository, SessionName session,
                                         std::stop_token stop) {
    auto index = read_bound_index(repository, session, std::move(stop));
    return index ? std::move(*index) : nullptr;
}

void load_leaf_index(const Repository& repository, const LocalCache& cache,
                     const WriteSession& session, LeafIndex& leaves, std::stop_token stop) {
    LeafLoader(repository, cache, session, leaves, std::move(stop)).run();
}

}  // namespace perdure
