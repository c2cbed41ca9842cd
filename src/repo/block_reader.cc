#include "repo/block_reader.h"

#include "base/try.h"

namespace perdure {

namespace {

std::size_t hash_session(const SessionName& s) {
    return static_cast<std::size_t>(number(s.session) * 0x9e3779b97f4a7c15 + number(s.writer));
}

/// Which slot entry of `table` holds block `slot` born in that very pack.
const SlotEntry* entry_of(const PackTable& table, std::uint32_t slot) {
    if (slot < table.slots.size() && table.slots[slot].birth == BirthAddress{table.pack, slot})
        return &table.slots[slot];
    return nullptr;
}

/// What another location of the block may make good.
bool is_about_the_pack(const Error& error) {
    return error.kind() != ErrorKind::Cancelled && error.kind() != ErrorKind::Denied &&
           error.kind() != ErrorKind::Unavailable && error.kind() != ErrorKind::Timeout;
}

}  // namespace

BlockReader::State::State() : secrets(16, &hash_session) {}

BlockReader::BlockReader(const Repository& repository, PackCatalog& catalog,
                         std::size_t cache_bytes)
    : repository_(repository),
      catalog_(catalog),
      cache_bytes_(cache_bytes),
      leaves_(repository),
      ahead_(repository.store()) {}

Result<std::shared_ptr<const PackKeys>> BlockReader::keys_of(const PackAccess& access) {
    const BirthPack& pack = access.table.pack;
    std::shared_ptr<const SessionSecret> secret;
    const auto known = state_.with([&](State& s) -> std::shared_ptr<const PackKeys> {
        if (const auto at = s.secrets.find(pack.session); at != s.secrets.end())
            secret = at->second;
        const auto at = s.keys.find(pack);
        return at == s.keys.end() ? nullptr : at->second;
    });
    if (known) return known;
    if (!secret)
        secret = std::make_shared<SessionSecret>(PERDURE_TRY(repository_.keyring().open_secret(
            repository_.id(), pack.session, access.sealed_secret)));
    auto keys = std::make_shared<const PackKeys>(derive_pack_keys(repository_.id(), *secret, pack));
    if (access.key_commitment && *access.key_commitment != keys->commitment)
        return Error(ErrorKind::Corrupt,
                     "the pack's manifest was made under another session secret");
    state_.with([&](State& s) {
        s.secrets.try_emplace(pack.session, secret);
        s.keys.try_emplace(pack, keys);
    });
    return keys;
}

void BlockReader::remember(Key key, std::shared_ptr<const Buffer> block) {
    std::vector<std::shared_ptr<const Buffer>> dropped;  // freed outside the lock
    state_.with([&](State& s) {
        ++s.decoded;
        if (s.blocks.contains(key)) return;
        s.bytes += block->size();
        s.by_age.push_front(key);
        s.blocks.emplace(key, Cached{std::move(block), s.by_age.begin()});
        while (s.bytes > cache_bytes_ && s.by_age.size() > 1) {
            const auto at = s.blocks.find(s.by_age.back());
            s.bytes -= at->second.block->size();
            dropped.push_back(std::move(at->second.block));
            s.blocks.erase(at);
            s.by_age.pop_back();
        }
    });
}

Result<std::shared_ptr<const Buffer>> BlockReader::read(PackNumber pack_number, std::uint32_t slot,
                                                        std::stop_token stop) {
    const Key key = static_cast<Key>(number(pack_number)) << 32 | slot;
    const auto cached = state_.with([&](State& s) -> std::shared_ptr<const Buffer> {
        const auto at = s.blocks.find(key);
        if (at == s.blocks.end()) return nullptr;
        s.by_age.splice(s.by_age.begin(), s.by_age, at->second.age);
        return at->second.block;
    });
    if (cached) return cached;
    auto block = read_at_birth(pack_number, slot, Via::ReadAhead, stop);
    if (!block && is_about_the_pack(block.error())) {
        // Whatever keeps the copies from being found, what is wrong is what the first try said.
        auto elsewhere =
            read_elsewhere({catalog_.pack_of(pack_number), slot}, Via::ReadAhead, stop);
        if (elsewhere ? *elsewhere != nullptr : !is_about_the_pack(elsewhere.error()))
            block = std::move(elsewhere);
        if (!block && is_about_the_pack(block.error())) {
            auto first = read_first_version(pack_number, slot, stop);
            if (first ? *first != nullptr : !is_about_the_pack(first.error()))
                block = std::move(first);
        }
    }
    if (block) remember(key, *block);
    return block;
}

/// Null if no older version of any pack that held it gives it.
Result<std::shared_ptr<const Buffer>> BlockReader::read_first_version(PackNumber pack_number,
                                                                      std::uint32_t slot,
                                                                      std::stop_token stop) {
    Store& store = repository_.store();
    if (store.versions() == nullptr) return std::shared_ptr<const Buffer>();
    const BirthAddress address{catalog_.pack_of(pack_number), slot};
    if (const auto access = catalog_.find(pack_number, stop);
        access && PERDURE_TRY(store.fall_back_to_first((*access)->table.name(), stop))) {
        auto block = read_at_birth(pack_number, slot, Via::Store, stop);
        if (block || !is_about_the_pack(block.error())) return block;
    }
    bool any = false;
    for (const MovedBlock& at : PERDURE_TRY(catalog_.elsewhere(address, stop)))
        any = PERDURE_TRY(store.fall_back_to_first(at.table->name(), stop)) || any;
    if (!any) return std::shared_ptr<const Buffer>();
    return read_elsewhere(address, Via::Store, stop);
}

Result<std::shared_ptr<const Buffer>> BlockReader::read_at_birth(PackNumber pack_number,
                                                                 std::uint32_t slot, Via via,
                                                                 std::stop_token stop) {
    const auto access = PERDURE_TRY(catalog_.find(pack_number, stop));
    const auto where = [&] {
        return access->table.name().text() + ", block " + std::to_string(slot);
    };
    if (entry_of(access->table, slot) == nullptr)
        return Error(ErrorKind::Corrupt, where() + ": is not in the pack's table");
    const auto keys = PERDURE_TRY(keys_of(*access).context(where()));
    return read_entry(access->table, slot, *keys, via, stop).context(where());
}

/// Null if no other pack gives it.
Result<std::shared_ptr<const Buffer>> BlockReader::read_elsewhere(const BirthAddress& address,
                                                                  Via via, std::stop_token stop) {
    for (const MovedBlock& at : PERDURE_TRY(catalog_.elsewhere(address, stop))) {
        const auto access = catalog_.access_to(address.pack, *at.table, stop);
        const auto keys = access ? keys_of(**access) : access.error();
        if (!keys) continue;
        auto block = read_entry(*at.table, at.entry, **keys, via, stop);
        if (block || !is_about_the_pack(block.error())) return block;
    }
    return std::shared_ptr<const Buffer>();
}

Result<std::shared_ptr<const Buffer>> BlockReader::read_entry(const PackTable& table,
                                                              std::size_t entry_number,
                                                              const PackKeys& keys, Via via,
                                                              std::stop_token stop) {
    const SlotEntry& entry = table.slots[entry_number];
    const ByteRange range{entry.offset, kBlockHeaderSize + entry.sealed_length};
    const Buffer bytes =
        PERDURE_TRY(via == Via::ReadAhead ? ahead_.load(table.name(), table.size, range, stop)
                                          : repository_.store().load(table.name(), range, stop));
    const BlockHeader header = PERDURE_TRY(parse_block_header(bytes, false));
    Aead aead(header.cipher, keys.seal);
    thread_local std::unique_ptr<BlockOpener> opener;
    thread_local RepositoryId opener_repository;
    if (!opener || opener_repository != repository_.id()) {
        opener = std::make_unique<BlockOpener>(repository_.id());
        opener_repository = repository_.id();
    }
    auto raw = std::make_shared<Buffer>();
    PERDURE_TRY(opener->open(entry.birth, bytes, aead, *raw));
    if (trusted_ && entry.birth.pack.session.writer != *trusted_)
        PERDURE_TRY(leaves_.verify(table, entry_number, header.domain, *raw, stop));
    state_.with([&](State& s) { s.loaded += bytes.size(); });
    return std::shared_ptr<const Buffer>(std::move(raw));
}

LoadPage BlockReader::page_loader(std::stop_token stop) {
    return [this, stop](PageAddress page) { return read(page.pack, page.slot, stop); };
}

std::uint64_t BlockReader::blocks_decoded() const {
    return state_.with([](const State& s) { return s.decoded; });
}
std::uint64_t BlockReader::bytes_loaded() const {
    return state_.with([](const State& s) { return s.loaded; });
}

}  // namespace perdure
