#include "repo/moved_pack.h"

#include <algorithm>

#include "base/try.h"

namespace perdure {

MovedPackBuilder::MovedPackBuilder(const PackContext& context, PackKind kind, const PackId& id)
    : context_(context), kind_(kind) {
    manifest_.pack = {context.session, id};
    manifest_.key_commitment =
        derive_pack_keys(context.repository, context.secret, manifest_.pack).commitment;
    secrets_.push_back({context.session, context.sealed_secret});
}

Result<void> MovedPackBuilder::add(ByteView block, const BirthAddress& birth,
                                   std::span<const LeafRecord> leaves, LeafTableHasher& hasher,
                                   const BirthKeys& keys) {
    const BlockHeader header = PERDURE_TRY(parse_block_header(block, true));
    if (header.birth != birth)
        return Error(ErrorKind::Corrupt, "block is another one than its index says");
    if (hasher.hash(leaves) != header.leaves)
        return Error(ErrorKind::Corrupt, "block holds other leaves than its manifest says");
    SlotEntry slot;
    slot.offset = blocks_.size();
    slot.sealed_length = header.sealed_length;
    slot.raw_length = header.raw_length;
    slot.leaf_count = static_cast<std::uint32_t>(leaves.size());
    slot.birth = birth;
    manifest_.slots.push_back(slot);
    manifest_.leaves.insert(manifest_.leaves.end(), leaves.begin(), leaves.end());
    manifest_.births.try_emplace(birth.pack, keys.key_commitment);
    const SessionName session = birth.pack.session;
    if (std::none_of(secrets_.begin(), secrets_.end(),
                     [&](const SealedSecret& s) { return s.session == session; }))
        secrets_.push_back({session, keys.sealed_secret});
    append(blocks_, block);
    return {};
}

FinishedPack MovedPackBuilder::finish() {
    Buffer bytes = encode_pack_header(context_, kind_, manifest_.pack.pack, secrets_);
    for (SlotEntry& slot : manifest_.slots) slot.offset += bytes.size();
    append(bytes, blocks_);
    return end_pack(context_, kind_, std::move(manifest_), std::move(bytes));
}

}  // namespace perdure
