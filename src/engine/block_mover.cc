#include "engine/block_mover.h"

#include "base/try.h"

namespace perdure {

namespace {

constexpr std::uint64_t kReadAtOnce = 8U << 20;
constexpr std::size_t kMostHolders = 16;

Error corrupt(std::string why) { return Error(ErrorKind::Corrupt, std::move(why)); }

/// Of the repository as a whole, not of one block.
bool ends_moving(const Error& error) {
    return error.kind() != ErrorKind::Corrupt && error.kind() != ErrorKind::NotFound;
}

}  // namespace

BlockMover::BlockMover(const Repository& from, PackRegistry& registry)
    : from_(from), catalog_(from, registry), opener_(from.id()) {}

Result<BlockMover::SharedHolder> BlockMover::holder_of(const PackTable& table,
                                                       std::stop_token stop) {
    if (const auto known = holders_.find(table.pack); known != holders_.end()) return known->second;
    auto holder = std::make_shared<Holder>();
    holder->table = table;
    holder->manifest = PERDURE_TRY(load_manifest(from_, table, stop));
    std::size_t leaf = 0;
    for (const SlotEntry& slot : holder->manifest.slots) {
        holder->first_leaf.push_back(leaf);
        leaf += slot.leaf_count;
    }
    if (holder->manifest.slots.size() != table.slots.size())
        return corrupt(table.name().text() + ": its manifest and its index disagree");
    if (holders_.size() >= kMostHolders) holders_.clear();
    return holders_.emplace(table.pack, std::move(holder)).first->second;
}

Result<LeafTableHasher*> BlockMover::hasher_of(DomainName name) {
    auto at = hashers_.find(name);
    if (at == hashers_.end()) {
        const DomainKeys keys = PERDURE_TRY(from_.keyring().domain(name));
        at = hashers_.emplace(name, std::make_unique<LeafTableHasher>(from_.id(), keys)).first;
    }
    return at->second.get();
}

Result<void> BlockMover::authenticate(const BirthAddress& birth, ByteView block,
                                      const BirthKeys& keys) {
    if (!from_.is_owner()) return {};
    if (opened_ != birth.pack) {
        const SessionSecret secret = PERDURE_TRY(
            from_.keyring().open_secret(from_.id(), birth.pack.session, keys.sealed_secret));
        keys_ = derive_pack_keys(from_.id(), secret, birth.pack);
        opened_ = birth.pack;
    }
    if (keys_->commitment != keys.key_commitment)
        return corrupt("its session's secret is not the one it was sealed with");
    Aead aead(PERDURE_TRY(parse_block_header(block, false)).cipher, keys_->seal);
    return opener_.authenticate(birth, block, aead);
}

Result<void> BlockMover::end_pack(std::unique_ptr<MovedPackBuilder>& pack, std::stop_token stop) {
    if (!pack || pack->empty()) return {};
    FinishedPack finished = pack->finish();
    pack.reset();
    bytes_ += finished.table.size;
    return session_->publish(finished, {}, stop);
}

Result<void> BlockMover::end_packs(std::stop_token stop) {
    PERDURE_TRY(end_pack(data_, stop));
    return end_pack(metadata_, stop);
}

Result<void> BlockMover::take(const Holder& holder, std::uint32_t entry, const BirthKeys& keys,
                              ByteView block, std::stop_token stop) {
    const SlotEntry& slot = holder.table.slots[entry];
    const BlockHeader header = PERDURE_TRY(parse_block_header(block, true));
    PERDURE_TRY(authenticate(slot.birth, block, keys));
    auto& pack = holder.table.kind == PackKind::Data ? data_ : metadata_;
    if (pack && pack->full()) PERDURE_TRY(end_pack(pack, stop));
    if (!pack)
        pack = std::make_unique<MovedPackBuilder>(session_->context(), holder.table.kind,
                                                  session_->new_pack_id());
    const auto leaves =
        std::span(holder.manifest.leaves)
            .subspan(holder.first_leaf[entry], holder.manifest.slots[entry].leaf_count);
    LeafTableHasher* hasher = PERDURE_TRY(hasher_of(header.domain));
    PERDURE_TRY(pack->add(block, slot.birth, leaves, *hasher, keys));
    ++blocks_;
    return {};
}

/// Entries that lie one behind the other are read at once.
Result<void> BlockMover::move_group(const Holder& holder, const std::vector<std::uint32_t>& entries,
                                    const BirthKeys& keys, std::vector<Lost>& lost,
                                    std::stop_token stop) {
    const auto& slots = holder.table.slots;
    const auto end_of = [&](std::uint32_t entry) {
        return slots[entry].offset + kBlockHeaderSize + slots[entry].sealed_length;
    };
    for (std::size_t i = 0; i < entries.size();) {
        if (stop.stop_requested()) return Error(ErrorKind::Cancelled, "interrupted");
        const std::uint64_t from = slots[entries[i]].offset;
        std::size_t end = i + 1;
        while (end < entries.size() && entries[end] == entries[end - 1] + 1 &&
               end_of(entries[end]) - from <= kReadAtOnce)
            ++end;
        auto bytes =
            from_.store().load(holder.table.name(), {from, end_of(entries[end - 1]) - from}, stop);
        if (!bytes && ends_moving(bytes.error())) return std::move(bytes).error();
        for (; i < end; ++i) {
            const std::uint32_t entry = entries[i];
            Result<void> taken;
            if (bytes)
                taken = take(holder, entry, keys,
                             ByteView(*bytes).subspan(slots[entry].offset - from,
                                                      end_of(entry) - slots[entry].offset),
                             stop);
            else
                taken = bytes.error();
            if (!taken && ends_moving(taken.error())) return taken;
            if (!taken) lost.push_back({slots[entry].birth.slot, taken.error().describe()});
        }
    }
    return {};
}

Result<void> BlockMover::move_elsewhere(const BirthAddress& birth, std::stop_token stop) {
    Result<void> done = Error(ErrorKind::NotFound, "no other pack holds it");
    for (const MovedBlock& at : PERDURE_TRY(catalog_.elsewhere(birth, stop))) {
        const auto access = catalog_.access_to(birth.pack, *at.table, stop);
        const auto holder = holder_of(*at.table, stop);
        if (!access || !holder) continue;
        const auto commitment = (*holder)->manifest.births.find(birth.pack);
        if (commitment == (*holder)->manifest.births.end()) continue;
        std::vector<Lost> lost;
        PERDURE_TRY(move_group(**holder, {at.entry}, {(*access)->sealed_secret, commitment->second},
                               lost, stop));
        if (lost.empty()) return {};
        done = corrupt(at.table->name().text() + ": " + lost.front().text);
    }
    return done;
}

Result<std::vector<BlockMover::Lost>> BlockMover::move_from_birth(
    PackNumber number, const std::vector<std::uint32_t>& slots, std::stop_token stop) {
    std::vector<Lost> missed;
    const auto access = catalog_.find(number, stop);
    if (!access && ends_moving(access.error())) return access.error();
    const auto holder =
        access ? holder_of((*access)->table, stop) : Result<SharedHolder>(access.error());
    if (!holder && ends_moving(holder.error())) return holder.error();
    if (holder) {
        std::vector<std::uint32_t> entries;
        for (const std::uint32_t slot : slots)
            if (slot < (*holder)->table.slots.size())
                entries.push_back(slot);
            else
                missed.push_back({slot, "its pack does not hold it"});
        const BirthKeys keys{(*access)->sealed_secret, (*holder)->manifest.key_commitment};
        PERDURE_TRY(move_group(**holder, entries, keys, missed, stop));
    } else {
        for (const std::uint32_t slot : slots) missed.push_back({slot, holder.error().describe()});
    }
    return missed;
}

/// Whether the store gives an older version of the pack from now on.
Result<bool> BlockMover::fall_back(PackNumber number, std::stop_token stop) {
    if (from_.store().versions() == nullptr) return false;
    const auto access = catalog_.find(number, stop);
    if (!access) return false;
    holders_.erase((*access)->table.pack);
    return from_.store().fall_back_to_first((*access)->table.name(), stop);
}

Result<std::vector<BlockMover::Lost>> BlockMover::move(PackNumber number,
                                                       const std::vector<std::uint32_t>& slots,
                                                       std::stop_token stop) {
    const BirthPack birth = catalog_.pack_of(number);
    std::vector<Lost> missed = PERDURE_TRY(move_from_birth(number, slots, stop));
    std::vector<Lost> lost;
    for (Lost& one : missed) {
        const auto moved = move_elsewhere({birth, one.slot}, stop);
        if (!moved && ends_moving(moved.error())) return moved.error();
        if (!moved) lost.push_back(std::move(one));
    }
    if (lost.empty() || !PERDURE_TRY(fall_back(number, stop))) return lost;
    std::vector<std::uint32_t> left;
    for (const Lost& one : lost) left.push_back(one.slot);
    return move_from_birth(number, left, std::move(stop));
}

}  // namespace perdure
