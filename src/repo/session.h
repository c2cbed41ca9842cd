// A writing session: takes a number, publishes packs, and ends the number by one commit (DESIGN,
// commit protocol). Production drives the step functions of repo/protocol against the store; the
// search in tests/protocol explores the same ones.
//
// The invariant: nothing refers to a pack that is not durable; the point is created last and once.
#pragma once

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/guarded.h"
#include "repo/index.h"
#include "repo/leaf_index.h"
#include "repo/local_cache.h"
#include "repo/pack.h"
#include "repo/protocol/session.h"
#include "repo/repository.h"
#include "repo/session_cache.h"

namespace perdure {

struct SessionOptions {
    SessionPurpose purpose = SessionPurpose::Backup;
    std::string host;
    std::uint64_t pack_size = 32U << 20;
};

struct Committed {
    SessionName session;
    Digest point;
    std::optional<Digest> index;
};

/// Thread-safe where noted.
class WriteSession {
public:
    static Result<std::unique_ptr<WriteSession>> begin(const Repository&, const WriterIdentity&,
                                                       const LocalCache&, const SessionOptions&,
                                                       std::stop_token);

    SessionName name() const { return context_.session; }
    const PackContext& context() const { return context_; }
    bool create_if_absent_proven() const { return proven_; }
    /// May what lies in this pack be carried over? (On no list the session obeys, or released.)
    /// Thread-safe.
    bool may_reuse(const BirthPack&) const;

    /// A fresh pack id. Thread-safe.
    PackId new_pack_id();
    /// Publishes a pack: durable on return. Thread-safe.
    Result<void> publish(FinishedPack& pack, std::vector<std::uint64_t> fingerprints,
                         std::stop_token);
    std::uint64_t bytes_published() const;
    /// Marks every block this session has published.
    void mark_published(LivenessMarks&, PackRegistry&) const;

    /// Ends the number. `header` needs kind, times, host, sources, outcome and so on; names,
    /// digests and the sealed secret are filled in. Timeout: it may or may not be committed
    /// (outcome UNKNOWN). Fenced: someone ended the number; the work is void.
    Result<Committed> commit(PointHeader header, const std::optional<PointBody>& body,
                             std::optional<LivenessSummary> liveness, std::stop_token);

private:
    WriteSession(const Repository& repository, const WriterIdentity& identity);

    class Driver;
    struct Published {
        std::vector<PackTable> packs;
        std::vector<PackHints> hints;
        std::uint64_t bytes = 0;
    };

    Buffer encode_session_entry(SessionNumber, std::optional<Digest> previous,
                                const SessionOptions&);
    Buffer seal_signed(ObjectType, const ObjectName&, ByteView body) const;
    Result<Buffer> encode_end(PointHeader&, const std::optional<PointBody>&) const;
    Result<void> note_condemned(std::uint64_t list, ByteView object);

    const Repository& repository_;
    const WriterIdentity& identity_;
    SigningKey signing_;
    PackContext context_;
    Digest log_entry_;
    bool proven_ = false;
    std::set<BirthPack> condemned_;
    Guarded<Published> published_;
};

/// The key of a machine's cache: from its identity, or from the owner's seed when there is none.
Key256 cache_key(const Repository&, const WriterIdentity*);

}  // namespace perdure
