#include "repo/repack.h"

#include <algorithm>
#include <set>
#include <tuple>

#include "base/try.h"
#include "repo/moved_pack.h"
#include "repo/pack_catalog.h"
#include "repo/protocol/judge.h"

namespace perdure {

namespace {

constexpr std::uint64_t kReadAtOnce = 8U << 20;

RepackSource weigh(const CollectionFacts& facts, PackNumber n) {
    const auto& pack = facts.pack(n);
    const std::uint32_t live = std::min(pack.slots, facts.live_blocks_of(n));
    const std::uint64_t dead = pack.size * (pack.slots - live) / pack.slots;
    return {n, pack.size - dead, dead};
}

}  // namespace

RepackPlan plan_repack(const CollectionFacts& facts, const CollectionView& view,
                       const RepackLimits& limits) {
    std::vector<RepackSource> candidates;
    std::uint64_t stored = 0;
    std::uint64_t unused = 0;
    for (std::uint32_t i = 0; i < facts.packs(); ++i) {
        const PackNumber n{i};
        const auto& pack = facts.pack(n);
        if (!pack.stored || view.is_dropped(n) || view.is_leaving(n)) continue;
        stored += pack.size;
        if (!pack.is_known || pack.slots == 0) continue;
        const RepackSource candidate = weigh(facts, n);
        if (candidate.dead == 0) continue;
        unused += candidate.dead;
        candidates.push_back(candidate);
    }
    const auto share =
        static_cast<std::uint64_t>(limits.max_unused_share * static_cast<double>(stored - unused));
    const std::uint64_t allowed = std::max(limits.max_unused_bytes, share);
    std::sort(candidates.begin(), candidates.end(),
              [](const RepackSource& a, const RepackSource& b) {
                  return a.dead * (b.dead + b.live) > b.dead * (a.dead + a.live);
              });
    RepackPlan plan;
    for (const RepackSource& candidate : candidates) {
        if (unused <= allowed) break;
        if (plan.live_bytes + candidate.live > limits.max_bytes) continue;
        plan.packs.push_back(candidate);
        plan.from.add(facts.pack(candidate.pack).size);
        plan.live_bytes += candidate.live;
        unused -= candidate.dead;
    }
    return plan;
}

namespace {

/// Copies of one group: packs of one class and kind whose blocks one writer made. So a writer may
/// reuse what was moved of its own, and packs of data and of metadata stay apart.
struct Group {
    std::string retention_class;
    PackKind kind = PackKind::Data;
    WriterNumber writer{};
    friend auto operator<=>(const Group&, const Group&) = default;
};

class BlockCopier {
public:
    BlockCopier(const Repository& repository, const CollectionFacts& facts,
                const CollectionView& view, WriteSession& session, RepackResult& result,
                std::stop_token stop)
        : repository_(repository),
          facts_(facts),
          view_(view),
          session_(session),
          result_(result),
          stop_(std::move(stop)) {}

    Result<void> copy_from(PackNumber);
    Result<void> finish();

private:
    struct Open {
        PackContext context;  // of the group's class; the builder refers to it
        std::unique_ptr<MovedPackBuilder> builder;
        std::set<PackNumber> from;  // what the blocks in it were copied from
    };
    struct Wanted {
        std::uint32_t slot;
        std::span<const LeafRecord> leaves;
    };

    Result<const PackTable*> table_of(const BirthPack&);
    std::vector<Wanted> wanted_of(PackNumber, const PackTable&, const PackManifest&) const;
    Result<std::vector<Buffer>> read(const PackTable&, const std::vector<Wanted>&);
    Result<void> check(const SlotEntry&, const Wanted&, ByteView block);
    Result<LeafTableHasher*> hasher_of(DomainName);
    Result<Buffer> secret_of(SessionName);
    Result<void> put(PackNumber from, const Group&, const SlotEntry&, const Wanted&, ByteView block,
                     const Digest& commitment);
    Result<void> publish(Open&);
    void count_moved();

    const Repository& repository_;
    const CollectionFacts& facts_;
    const CollectionView& view_;
    WriteSession& session_;
    RepackResult& result_;
    const std::stop_token stop_;
    std::shared_ptr<const Index> index_;  // the one asked last
    std::map<Group, std::unique_ptr<Open>> open_;
    std::vector<PackNumber> copied_;  // whole, but not all of it is published
    std::map<SessionName, Buffer> secrets_;
    std::map<DomainName, std::unique_ptr<LeafTableHasher>> hashers_;
};

Result<const PackTable*> BlockCopier::table_of(const BirthPack& pack) {
    if (!index_ || index_->session != pack.session) {
        const Point end = PERDURE_TRY(repository_.load_point(pack.session, stop_));
        index_ = PERDURE_TRY(repository_.load_index(pack.session, end.header.index, stop_,
                                                    IndexParts::WithoutLiveness));
    }
    for (const PackTable& table : index_->packs)
        if (table.pack == pack) return &table;
    return Error(ErrorKind::Corrupt,
                 names::index(pack.session).text() + ": does not name pack " + pack.pack.hex());
}

/// What is live and has no other place that stays.
std::vector<BlockCopier::Wanted> BlockCopier::wanted_of(PackNumber n, const PackTable& table,
                                                        const PackManifest& manifest) const {
    std::vector<std::size_t> first_leaf{0};
    for (const SlotEntry& slot : manifest.slots)
        first_leaf.push_back(first_leaf.back() + slot.leaf_count);
    std::vector<Wanted> wanted;
    for (const HeldBlock& held : facts_.blocks_of(n)) {
        const std::uint32_t slot = held.at.slot;
        if (!facts_.is_live(held.block) || slot >= table.slots.size()) continue;
        if (protocol::lies_elsewhere(view_, held.block, token_of(n))) continue;
        wanted.push_back(
            {slot,
             std::span(manifest.leaves).subspan(first_leaf[slot], table.slots[slot].leaf_count)});
    }
    return wanted;
}

/// The wanted blocks' bytes, neighbours in one request.
Result<std::vector<Buffer>> BlockCopier::read(const PackTable& table,
                                              const std::vector<Wanted>& wanted) {
    std::vector<Buffer> blocks;
    const auto end_of = [&](const Wanted& w) {
        return table.slots[w.slot].offset + kBlockHeaderSize + table.slots[w.slot].sealed_length;
    };
    for (std::size_t first = 0; first < wanted.size();) {
        if (stop_.stop_requested()) return Error(ErrorKind::Cancelled, "interrupted");
        const std::uint64_t from = table.slots[wanted[first].slot].offset;
        std::size_t end = first + 1;
        while (end < wanted.size() && wanted[end].slot == wanted[end - 1].slot + 1 &&
               end_of(wanted[end]) - from <= kReadAtOnce)
            ++end;
        const Buffer bytes = PERDURE_TRY(
            repository_.store().load(table.name(), {from, end_of(wanted[end - 1]) - from}, stop_));
        for (; first < end; ++first) {
            const std::uint64_t at = table.slots[wanted[first].slot].offset - from;
            blocks.push_back(
                to_buffer(ByteView(bytes).subspan(at, end_of(wanted[first]) - from - at)));
        }
    }
    return blocks;
}

Result<LeafTableHasher*> BlockCopier::hasher_of(DomainName domain) {
    auto& hasher = hashers_[domain];
    if (!hasher) {
        const DomainKeys keys = PERDURE_TRY(repository_.keyring().domain(domain));
        hasher = std::make_unique<LeafTableHasher>(repository_.id(), keys);
    }
    return hasher.get();
}

Result<void> BlockCopier::check(const SlotEntry& entry, const Wanted& wanted, ByteView block) {
    const BlockHeader header = PERDURE_TRY(parse_block_header(block, true));
    const auto bad = [](const char* why) { return Error(ErrorKind::Corrupt, why); };
    if (header.birth != entry.birth) return bad("block is another one than its index says");
    if (header.sealed_length != entry.sealed_length || header.raw_length != entry.raw_length)
        return bad("block has other lengths than its index says");
    LeafTableHasher* hasher = PERDURE_TRY(hasher_of(header.domain));
    if (hasher->hash(wanted.leaves) != header.leaves)
        return bad("block holds other leaves than its manifest says");
    return {};
}

Result<Buffer> BlockCopier::secret_of(SessionName session) {
    auto known = secrets_.find(session);
    if (known == secrets_.end()) {
        const LogRecord log = PERDURE_TRY(repository_.load_log_entry(session, nullptr, stop_));
        known = secrets_.emplace(session, log.sealed_secret).first;
    }
    return known->second;
}

Result<void> BlockCopier::copy_from(PackNumber n) {
    const BirthPack pack = facts_.registry().pack_of(n);
    const PackTable* table = PERDURE_TRY(table_of(pack));
    const PackManifest manifest = PERDURE_TRY(load_manifest(repository_, *table, stop_));
    if (manifest.slots.size() != table->slots.size())
        return Error(ErrorKind::Corrupt,
                     table->name().text() + ": its manifest and its index disagree");
    const std::vector<Wanted> wanted = wanted_of(n, *table, manifest);
    const auto where = [&] { return table->name().text(); };
    const std::vector<Buffer> blocks = PERDURE_TRY(read(*table, wanted).context(where()));
    // All of them are looked at before the first is copied: half a pack moved would be no gain.
    for (std::size_t i = 0; i < wanted.size(); ++i)
        PERDURE_TRY(check(table->slots[wanted[i].slot], wanted[i], blocks[i]).context(where()));
    for (std::size_t i = 0; i < wanted.size(); ++i) {
        const SlotEntry& entry = table->slots[wanted[i].slot];
        const Group group{table->retention_class, table->kind, entry.birth.pack.session.writer};
        const bool is_own = entry.birth.pack == pack;
        const auto born = manifest.births.find(entry.birth.pack);
        if (!is_own && born == manifest.births.end())
            return Error(ErrorKind::Corrupt, where() + ": does not say whose blocks it holds");
        PERDURE_TRY(put(n, group, entry, wanted[i], blocks[i],
                        is_own ? manifest.key_commitment : born->second));
    }
    copied_.push_back(n);
    count_moved();
    return {};
}

/// Counts the packs of which no block is only in memory any more: a full store may refuse those.
void BlockCopier::count_moved() {
    const auto is_moved = [&](PackNumber n) {
        return std::none_of(open_.begin(), open_.end(),
                            [&](const auto& open) { return open.second->from.contains(n); });
    };
    std::erase_if(copied_, [&](PackNumber n) {
        const bool moved = is_moved(n);
        if (moved) result_.from.add(facts_.pack(n).size);
        return moved;
    });
}

Result<void> BlockCopier::put(PackNumber from, const Group& group, const SlotEntry& entry,
                              const Wanted& wanted, ByteView block, const Digest& commitment) {
    auto& open = open_[group];
    if (!open) {
        open = std::make_unique<Open>();
        open->context = session_.context();
        open->context.retention_class = group.retention_class;
    }
    const Buffer secret = PERDURE_TRY(secret_of(entry.birth.pack.session));
    if (!open->builder)
        open->builder =
            std::make_unique<MovedPackBuilder>(open->context, group.kind, session_.new_pack_id());
    const BlockHeader header = PERDURE_TRY(parse_block_header(block, false));
    LeafTableHasher* hasher = PERDURE_TRY(hasher_of(header.domain));
    PERDURE_TRY(
        open->builder->add(block, entry.birth, wanted.leaves, *hasher, {secret, commitment}));
    open->from.insert(from);
    return open->builder->full() ? publish(*open) : Result<void>();
}

Result<void> BlockCopier::publish(Open& open) {
    if (!open.builder || open.builder->empty()) return {};
    std::vector<std::uint64_t> fingerprints;
    for (const LeafRecord& leaf : open.builder->leaves())
        fingerprints.push_back(leaf.id.fingerprint());
    FinishedPack pack = open.builder->finish();
    open.builder.reset();
    PERDURE_TRY(session_.publish(pack, std::move(fingerprints), stop_));
    result_.blocks += pack.table.slots.size();
    result_.bytes += pack.table.size;
    open.from.clear();
    count_moved();
    return {};
}

Result<void> BlockCopier::finish() {
    for (auto& [group, open] : open_) PERDURE_TRY(publish(*open));
    return {};
}

/// What is wrong with the pack copied from, as opposed to what ends the run.
bool is_about_source(const Error& error) {
    return error.kind() == ErrorKind::Corrupt || error.kind() == ErrorKind::NotFound ||
           error.kind() == ErrorKind::Denied;
}

}  // namespace

Result<void> copy_live_blocks(const Repository& repository, const CollectionFacts& facts,
                              const CollectionView& view, const RepackPlan& plan,
                              WriteSession& session, RepackResult& result, std::stop_token stop) {
    // What is being copied from is on its way out: no place to leave a block at.
    CollectionView leaving = view;
    std::vector<PackNumber> in_order;  // blocks that were stored together stay so
    for (const RepackSource& source : plan.packs) {
        leaving.leave(source.pack);
        in_order.push_back(source.pack);
    }
    BlockCopier copier(repository, facts, leaving, session, result, stop);
    std::sort(in_order.begin(), in_order.end());
    for (const PackNumber n : in_order) {
        const auto copied = copier.copy_from(n);
        if (copied) continue;
        if (!is_about_source(copied.error())) return copied;
        result.problems.push_back({facts.name_of(n).text(), copied.error().describe()});
    }
    return copier.finish();
}

}  // namespace perdure
