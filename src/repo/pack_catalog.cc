#include "repo/pack_catalog.h"

#include "base/try.h"

namespace perdure {

namespace {

// Headers with one sealed secret take about 210 bytes; packs of many copied sessions take more and
// are read again.
constexpr std::uint64_t kHeaderGuess = 4096;

/// Whether an object is there and whole is not known now.
bool says_nothing(const Error& error) {
    return error.kind() == ErrorKind::Cancelled || error.kind() == ErrorKind::Unavailable ||
           error.kind() == ErrorKind::Timeout;
}

}  // namespace

Result<PackHeader> read_pack_header(const Repository& repository, const ObjectName& name,
                                    std::uint64_t size, std::stop_token stop) {
    for (std::uint64_t guess = kHeaderGuess;; guess *= 64) {
        const std::uint64_t length = std::min(guess, size);
        const Buffer start = PERDURE_TRY(repository.store().load(name, {0, length}, stop));
        auto header = parse_pack_header(start);
        if (header || length == size || guess > (1U << 28))
            return std::move(header).context(name.text());
    }
}

Result<PackAccess> read_pack_access(const Repository& repository, const ObjectName& name,
                                    const BirthPack& pack, std::stop_token stop) {
    const auto parsed = names::parse_pack(name.text());
    const std::uint64_t size = PERDURE_TRY(repository.store().stat(name, stop)).size;
    if (size < kPackFooterSize) return Error(ErrorKind::Corrupt, name.text() + ": is cut short");
    const PackHeader header = PERDURE_TRY(read_pack_header(repository, name, size, stop));
    if (header.pack != pack || header.repository != repository.id() || !parsed)
        return Error(ErrorKind::Corrupt, name.text() + ": is another pack");
    const Buffer tail =
        PERDURE_TRY(repository.store().load(name, {size - kPackFooterSize, kPackFooterSize}, stop));
    const PackFooter footer = PERDURE_TRY(parse_pack_footer(tail, size).context(name.text()));
    const Buffer framed = PERDURE_TRY(
        repository.store().load(name, {footer.manifest_offset, footer.manifest_length}, stop));
    PackManifest manifest =
        PERDURE_TRY(open_manifest(repository.id(), name, pack, framed, [&](DomainName domain) {
            return repository.keyring().index_key(domain);
        }));
    PackAccess access;
    access.table.pack = pack;
    access.table.kind = parsed->kind;
    access.table.retention_class = parsed->retention_class;
    access.table.size = size;
    access.table.manifest_offset = footer.manifest_offset;
    access.table.manifest_length = footer.manifest_length;
    access.table.manifest_digest = digest_of(framed);
    access.table.slots = std::move(manifest.slots);
    access.key_commitment = manifest.key_commitment;
    for (const SealedSecret& secret : header.secrets)
        if (secret.session == pack.session) access.sealed_secret = secret.box;
    return access;
}

Result<PackManifest> load_manifest(const Repository& repository, const PackTable& table,
                                   std::stop_token stop) {
    const ObjectName name = table.name();
    const Buffer framed = PERDURE_TRY(
        repository.store().load(name, {table.manifest_offset, table.manifest_length}, stop));
    if (digest_of(framed) != table.manifest_digest)
        return Error(ErrorKind::Corrupt,
                     name.text() + ": its manifest is not the one its index names");
    return open_manifest(repository.id(), name, table.pack, framed,
                         [&](DomainName domain) { return repository.keyring().index_key(domain); });
}

void PackCatalog::learn(const Index& index) {
    state_.with([&](State& s) {
        s.tried_sessions.insert(index.session);
        for (const PackTable& table : index.packs)
            s.packs.try_emplace(table.pack, std::make_shared<PackAccess>(PackAccess{
                                                table, index.sealed_secret, std::nullopt}));
    });
}

Result<std::shared_ptr<const PackAccess>> PackCatalog::find(PackNumber number,
                                                            std::stop_token stop) {
    const BirthPack pack = registry_.pack_of(number);
    bool tried = false;
    const auto known = state_.with([&](State& s) -> std::shared_ptr<const PackAccess> {
        const auto at = s.packs.find(pack);
        tried = s.tried_sessions.contains(pack.session);
        return at == s.packs.end() ? nullptr : at->second;
    });
    if (known) return known;
    if (tried) return scan(pack, stop);
    const auto index = load_index_of(pack.session, stop);
    if (index) {
        learn(**index);
        return find(number, stop);
    }
    if (says_nothing(index.error())) return index.error();
    auto scanned = scan(pack, stop);
    // What the index would have said of it is still not known.
    if (!scanned && index.error().kind() == ErrorKind::Io) return index.error();
    return scanned;
}

/// A second time where it reads as damaged: the way here may have damaged it.
Result<std::shared_ptr<const Index>> PackCatalog::load_index_of(SessionName session,
                                                                std::stop_token stop) {
    const auto load = [&] {
        return repository_.load_index(session, std::nullopt, stop, IndexParts::WithoutLiveness);
    };
    auto index = load();
    return index || index.error().kind() != ErrorKind::Corrupt ? index : load();
}

Result<std::optional<ObjectName>> PackCatalog::locate(const BirthPack& pack, std::stop_token stop) {
    for (const PackKind kind : {PackKind::Data, PackKind::Metadata}) {
        const ObjectName name = names::pack(kDefaultRetentionClass, kind, pack.session, pack.pack);
        if (repository_.store().stat(name, stop)) return std::optional(name);
    }
    if (!state_.with([](State& s) { return s.listed; })) {
        std::map<BirthPack, ObjectName> found;
        PERDURE_TRY(repository_.store().list(
            "packs/",
            [&](std::string_view text, const ObjectStat&) {
                auto name = ObjectName::parse(text);
                if (const auto parsed = names::parse_pack(text); parsed && name)
                    found.emplace(parsed->pack, std::move(*name));
                return true;
            },
            stop));
        state_.with([&](State& s) {
            s.names = std::move(found);
            s.listed = true;
        });
    }
    return state_.with([&](State& s) {
        const auto at = s.names.find(pack);
        return at == s.names.end() ? std::optional<ObjectName>() : std::optional(at->second);
    });
}

Result<std::shared_ptr<const PackAccess>> PackCatalog::scan(const BirthPack& pack,
                                                            std::stop_token stop) {
    const auto name = PERDURE_TRY(locate(pack, stop));
    if (!name)
        return Error(ErrorKind::NotFound, "pack " + pack.pack.hex() + " of session " +
                                              short_text(pack.session) + " is missing")
            .with_hint("run `perdure check` to see what it held");
    auto access =
        std::make_shared<PackAccess>(PERDURE_TRY(read_pack_access(repository_, *name, pack, stop)));
    if (const auto log = repository_.load_log_entry(pack.session, nullptr, stop))
        access->sealed_secret = log->sealed_secret;  // signed, unlike the pack's clear header
    state_.with([&](State& s) {
        s.packs.try_emplace(pack, access);
        ++s.scanned;
    });
    return std::shared_ptr<const PackAccess>(std::move(access));
}

// ------------------------------------------------------------------------------------ moved blocks

Result<std::shared_ptr<const MovedBlocks>> PackCatalog::moved_blocks(bool again,
                                                                     std::stop_token stop) {
    constexpr int kMostReads = 4;  // every lost block would read them again
    const auto [known, may_read] = state_.with([&](State& s) {
        const bool may = s.moved_read < kMostReads && (again || s.moved == nullptr);
        if (may) ++s.moved_read;
        return std::pair(s.moved, may);
    });
    if (!may_read) return known;
    auto moved = PERDURE_TRY(MovedBlocks::load(repository_, stop));
    state_.with([&](State& s) { s.moved = moved; });
    return moved;
}

Result<std::vector<MovedBlock>> PackCatalog::elsewhere(const BirthAddress& block,
                                                       std::stop_token stop) {
    for (const bool again : {false, true}) {
        const auto moved = PERDURE_TRY(moved_blocks(again, stop));
        if (!moved) break;
        auto places = moved->places_of(block);
        if (!places.empty()) return places;
    }
    return std::vector<MovedBlock>();
}

Result<bool> PackCatalog::moved(const BirthPack& pack, std::stop_token stop) {
    const auto moved = PERDURE_TRY(moved_blocks(false, stop));
    return moved && moved->holds_any_of(pack);
}

Result<std::shared_ptr<const PackAccess>> PackCatalog::access_to(const BirthPack& birth,
                                                                 const PackTable& holder,
                                                                 std::stop_token stop) {
    const auto known = state_.with([&](State& s) -> std::shared_ptr<const PackAccess> {
        const auto at = s.openers.find(birth);
        return at == s.openers.end() ? nullptr : at->second;
    });
    if (known) return known;
    auto access = std::make_shared<PackAccess>();
    access->table.pack = birth;
    if (const auto log = repository_.load_log_entry(birth.session, nullptr, stop)) {
        access->sealed_secret = log->sealed_secret;
    } else {
        // Nothing signed is left that says it: what the holder's header says counts if it gives the
        // key that the holder's manifest commits to.
        const PackHeader header =
            PERDURE_TRY(read_pack_header(repository_, holder.name(), holder.size, stop));
        const PackManifest manifest = PERDURE_TRY(load_manifest(repository_, holder, stop));
        const auto commitment = manifest.births.find(birth);
        if (commitment == manifest.births.end())
            return Error(ErrorKind::Corrupt,
                         holder.name().text() + ": does not say what opens its blocks");
        access->key_commitment = commitment->second;
        for (const SealedSecret& secret : header.secrets)
            if (secret.session == birth.session) access->sealed_secret = secret.box;
    }
    state_.with([&](State& s) { s.openers.try_emplace(birth, access); });
    return std::shared_ptr<const PackAccess>(std::move(access));
}

std::size_t PackCatalog::scanned() const {
    return state_.with([](const State& s) { return s.scanned; });
}

}  // namespace perdure
