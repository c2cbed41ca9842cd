// A writing session: takes a number, publishes packs, and ends the number by one commit (DESIGN,
// commit protocol). Production drives the step functions of repo/protocol against the store; the
// search in tests/protocol explores the same ones.
//
// The invariant: nothing refers to a pack that is not durable; the point is created last and once.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/guarded.h"
#include "repo/index.h"
#include "repo/leaf_index.h"
#include "repo/local_cache.h"
#include "repo/lock_horizon.h"
#include "repo/moved_blocks.h"
#include "repo/obeyed_lists.h"
#include "repo/pack.h"
#include "repo/protocol/session.h"
#include "repo/repository.h"
#include "repo/session_cache.h"

namespace perdure {

struct SessionOptions {
    SessionPurpose purpose = SessionPurpose::Backup;
    std::string host;
    std::uint64_t pack_size = 32U << 20;
    std::string retention_class{kDefaultRetentionClass};
    /// Of a run's later sessions: until when its first one promised to have all locked.
    std::int64_t locked_until_ns = 0;
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
    /// Until when all that its point will need is locked; 0 without Object Lock.
    std::int64_t locked_until_ns() const { return locked_until_ns_; }
    /// May what was born in this pack be reused where it was born? (On no list the session obeys,
    /// or released; and locked for long enough.) Thread-safe.
    bool may_reuse(const BirthPack&) const;
    /// May this block be reused, wherever it lies now? Thread-safe.
    bool may_reuse(const BirthAddress&, std::stop_token) const;
    /// Of the lists it obeys; 0: none.
    std::uint64_t newest_list() const;
    /// What repacks moved; null where there never was a collection, so that nobody has to look.
    /// Thread-safe.
    std::shared_ptr<const MovedBlocks> moved_blocks(std::stop_token) const;

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

    /// A whole session of a maintainer: takes a number, has `copy` publish packs of moved blocks,
    /// and ends the number by an end record that binds their index. Where `copy` fails, the number
    /// is ended without one, and its error is answered.
    static Result<Committed> repack(const Repository&, const WriterIdentity&, const LocalCache&,
                                    const SessionOptions&,
                                    const std::function<Result<void>(WriteSession&)>& copy,
                                    std::stop_token);

private:
    WriteSession(const Repository& repository, const WriterIdentity& identity);

    class Driver;
    /// What a commit creates, encoded once.
    struct Ending {
        Buffer index;
        Buffer end;
        std::optional<Digest> index_digest;
    };
    struct Published {
        std::vector<PackTable> packs;
        std::vector<PackHints> hints;
        std::uint64_t bytes = 0;
    };

    static Result<std::unique_ptr<WriteSession>> make(const Repository&, const WriterIdentity&,
                                                      const SessionOptions&, std::stop_token);
    Result<protocol::SessionBegin::Start> start_of(const LocalCache&, const SessionOptions&,
                                                   Driver&, std::stop_token);
    Result<std::uint64_t> settle_lists(std::stop_token);
    Result<void> take_number(const protocol::SessionBegin&, const LocalCache&, const Driver&,
                             std::stop_token);
    Result<void> promise_locks(const SessionOptions&, std::stop_token);
    Result<Ending> prepare_end(PointHeader& header, const std::optional<PointBody>&,
                               std::optional<LivenessSummary>, std::stop_token);
    Result<Ending> prepare_repack_end(const SessionOptions&, std::stop_token);
    Buffer encode_session_entry(SessionNumber, std::optional<Digest> previous,
                                const SessionOptions&);
    Buffer seal_signed(ObjectType, const ObjectName&, ByteView body) const;
    Result<Buffer> encode_end(PointHeader&, const std::optional<PointBody>&) const;

    const Repository& repository_;
    const WriterIdentity& identity_;
    SigningKey signing_;
    PackContext context_;
    Digest log_entry_;
    bool proven_ = false;
    ObeyedLists lists_;
    std::int64_t locked_until_ns_ = 0, new_locked_until_ns_ = 0;
    std::unique_ptr<const LockCoverage> coverage_;  // if it has a lock
    mutable Guarded<std::shared_ptr<const MovedBlocks>> moved_;
    Guarded<Published> published_;
};

/// The key of a machine's cache: from its identity, or from the owner's seed when there is none.
Key256 cache_key(const Repository&, const WriterIdentity*);

}  // namespace perdure
