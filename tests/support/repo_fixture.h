// A repository in memory with cheap key slots, and the small things that tests of repo need.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "repo/local_cache.h"
#include "repo/pack.h"
#include "repo/repository.h"
#include "repo/session.h"
#include "store/memory_store.h"

namespace perdure {

inline constexpr Argon2Cost kCheapKdf{1, 8};

/// Stands still until a test moves it.
class FixedClock final : public Clock {
public:
    Time now() override { return {now_ns}; }
    std::uint64_t monotonic_nanoseconds() override { return static_cast<std::uint64_t>(now_ns); }
    std::int64_t now_ns = 1'700'000'000'000'000'000;
};

inline std::string noise(std::uint64_t seed, std::size_t length) {
    SeededRandom random(seed);
    std::string bytes(length, '\0');
    random.fill({reinterpret_cast<std::byte*>(bytes.data()), bytes.size()});
    return bytes;
}

template <class IdType>
IdType id_of(std::uint64_t seed) {
    SeededRandom random(seed);
    IdType id;
    random.fill(id.raw());
    return id;
}

inline Key256 key_of(std::uint64_t seed) { return Key256::copy_of(as_bytes(noise(seed, 32))); }

inline SessionName session_name(std::uint32_t writer, std::uint64_t session) {
    return {WriterNumber{writer}, SessionNumber{session}};
}

/// A context to build packs in, that belongs to no repository.
inline PackContext pack_context(SessionName session = session_name(1, 1)) {
    PackContext context;
    context.repository = id_of<RepositoryId>(1);
    context.session = session;
    context.secret = key_of(2);
    context.sealed_secret = to_buffer(as_bytes(noise(3, 116)));
    context.domain = {{1, 1}, key_of(4), key_of(5)};
    return context;
}

inline LeafRecord leaf_of(std::string_view content, const Key256& key) {
    const Digest digest = keyed_hash(key, as_bytes(content));
    return {*LeafId::from_bytes(digest.view()), static_cast<std::uint32_t>(content.size())};
}

/// Builds a pack with one block an item, each one leaf.
inline FinishedPack build_pack(const PackContext& context, const std::vector<std::string>& blocks,
                               const PackId& id, PackKind kind = PackKind::Data) {
    PackBuilder builder(context, kind, id, {});
    BlockSealer sealer(context.repository);
    LeafTableHasher hasher(context.repository, context.domain);
    const DedupKeys dedup = expand(context.domain, context.repository);
    for (const std::string& block : blocks) {
        const std::vector<LeafRecord> leaves{leaf_of(block, dedup.leaf)};
        const auto added = builder.add(as_bytes(block), leaves, sealer, hasher, {});
        EXPECT_TRUE(added);
    }
    return builder.finish();
}

/// A fresh repository on a store of its own.
class RepoFixture {
public:
    explicit RepoFixture(std::string password = "correct horse") : password_(std::move(password)) {
        InitOptions options;
        options.passphrase = Passphrase(password_);
        options.cost = kCheapKdf;
        options.label = "first";
        auto made = Repository::initialize(store, options, clock, system_random(), {});
        EXPECT_TRUE(made) << made.error().describe();
        recovery_key = made->recovery_key;
        repository = must_open(password_);
    }

    Result<std::unique_ptr<Repository>> open(const std::string& password) {
        Credentials credentials;
        credentials.passphrase = Passphrase(password);
        return Repository::open(store, credentials, clock, system_random(), {});
    }
    Result<std::unique_ptr<Repository>> open(const WriterIdentity& writer) {
        Credentials credentials;
        credentials.writer = writer;
        return Repository::open(store, credentials, clock, system_random(), {});
    }
    std::unique_ptr<Repository> must_open(const std::string& password) {
        auto opened = open(password);
        EXPECT_TRUE(opened) << opened.error().describe();
        return std::move(*opened);
    }
    void reopen() { repository = must_open(password_); }

    WriterIdentity enrol(const std::string& name, std::vector<std::string> hosts = {}) {
        Certificate certificate;
        certificate.name = name;
        certificate.hosts = std::move(hosts);
        auto identity = repository->enrol(certificate, {});
        EXPECT_TRUE(identity) << identity.error().describe();
        return *identity;
    }

    MemoryStore store;
    FixedClock clock;
    std::string recovery_key;
    std::unique_ptr<Repository> repository;

private:
    std::string password_;
};

/// A session that publishes one pack and commits a point of it.
inline Result<Committed> commit_point(const Repository& repository, const WriterIdentity& identity,
                                      const std::string& host, EndKind kind = EndKind::Files,
                                      const std::vector<std::string>& blocks = {"content"}) {
    const LocalCache no_cache;
    SessionOptions options;
    options.host = host;
    auto session = WriteSession::begin(repository, identity, no_cache, options, {});
    if (!session) return std::move(session).error();
    FinishedPack pack = build_pack((*session)->context(), blocks, (*session)->new_pack_id());
    auto published = (*session)->publish(pack, std::vector<std::uint64_t>(blocks.size(), 7), {});
    if (!published) return std::move(published).error();
    PointHeader header;
    header.kind = kind;
    header.host = host;
    header.started_ns = header.finished_ns = repository.clock().now().nanoseconds;
    std::optional<PointBody> body;
    if (is_point(kind)) {
        body.emplace();
        body->roots.push_back({"/data", EndKind::Files, {pack.table.pack, 0}, {}, 0, 0});
    }
    LivenessSummary liveness;
    liveness.packs.push_back({pack.table.pack, {(std::uint64_t{1} << blocks.size()) - 1}});
    return (*session)->commit(std::move(header), body, std::move(liveness), {});
}

/// A point of a session of its own, as a writer makes it who does not ask whether he may.
inline SessionName plant_point(MemoryStore& store, const Repository& repository,
                               const WriterIdentity& identity, const std::string& host,
                               EndKind kind = EndKind::Files) {
    const LocalCache no_cache;
    SessionOptions options;
    options.host = host;
    auto session = WriteSession::begin(repository, identity, no_cache, options, {});
    EXPECT_TRUE(session) << session.error().describe();
    PointHeader header;
    header.kind = kind;
    header.host = host;
    header.session = (*session)->name();
    header.log_entry =
        digest_of(*store.load(names::log_entry(header.session), ByteRange::all(), {}));
    const ObjectName name = names::point(header.session);
    const SigningKey key(identity.signing_seed);
    const DomainKeys& domain = identity.domains.back();
    store.plant(
        name,
        seal_record(
            {repository.id(), ObjectType::Point, name.text()}, encode_point_header(header),
            {{identity.role, identity.enrolment, EpochNumber{1}}, &key, nullptr},
            {Sealing::IndexKey, domain.index_key, domain.name.domain, domain.name.generation}));
    return header.session;
}

}  // namespace perdure
