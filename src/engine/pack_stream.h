// From leaves to packs: one stream of blocks, filled by one thread at a time.
//
// A leaf's birth address is known the moment it is added, before its block is sealed: the open
// pack's id and next slot are fixed when a block is begun.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <thread>
#include <vector>

#include "base/bounded_queue.h"
#include "repo/leaf_index.h"
#include "repo/pack.h"
#include "repo/session.h"

namespace perdure {

/// Publishes finished packs on threads of its own, so that sealing overlaps with the disk's fsync
/// or the network. Memory: `most` packs, and one that waits with each stream.
class PackUploader {
public:
    /// `most`: packs submitted and not yet durable; submit() waits.
    PackUploader(LeafIndex& leaves, unsigned threads, std::size_t most);
    ~PackUploader();

    /// False once an upload failed; see error().
    bool submit(WriteSession&, FinishedPack);
    /// Waits until everything submitted is durable.
    Result<void> drain();
    /// A buffer to build the next pack in: recycled, since fresh memory is slow to touch.
    Buffer take_buffer();
    bool is_busy() const {
        return pending_.with([this](const Pending& p) { return p.count >= most_; });
    }
    std::uint64_t bytes() const { return bytes_; }

private:
    struct Upload {
        WriteSession* session;
        FinishedPack pack;
    };
    struct Pending {
        std::size_t count = 0;
        std::optional<Error> error;
    };
    void run(std::stop_token stop);
    Result<void> publish(Upload& upload, std::stop_token stop);

    LeafIndex& leaves_;
    const std::size_t most_;
    BoundedQueue<Upload> queue_;
    Guarded<Pending> pending_;
    Guarded<std::vector<Buffer>> buffers_;
    std::atomic<std::uint64_t> bytes_{0};
    std::vector<std::jthread> threads_;
};

/// The level of blocks that begin before `until` raw bytes.
struct PatientLevel {
    std::uint64_t until;
    int level;
};

class PackStream {
public:
    struct Options {
        PackKind kind = PackKind::Data;
        std::uint32_t block_size = kMaxBlockRaw;
        SealPolicy seal;
        int busy_level =
            1;  // while packs queue for the store: a smaller repository then costs no time
        /// Levels for the first bytes of this stream, in rising order of `until`.
        std::span<const PatientLevel> patience = {};
        std::uint32_t verify_one_in = 1;  // blocks opened again after sealing: 1 is all
    };
    PackStream(PackRegistry&, LeafIndex&, PackUploader&, const Options&);

    /// Begin writing under `session`; nothing may be open.
    void attach(WriteSession& session);
    /// Adds a leaf that is not stored yet.
    Result<LeafPlace> add(const LeafId&, ByteView content);
    /// Adds a leaf that is a block of its own: a page.
    Result<LeafPlace> add_alone(const LeafId&, ByteView content);
    /// Seals the open block.
    Result<void> end_block();
    /// Seals the open block and hands the open pack to the uploader.
    Result<void> end_pack();

    std::uint64_t raw_bytes() const { return raw_bytes_; }
    std::uint64_t compression_faults() const { return compression_faults_; }

private:
    Result<void> begin_block();
    int level() const;

    PackRegistry& registry_;
    LeafIndex& leaves_;
    PackUploader& uploader_;
    Options options_;
    WriteSession* session_ = nullptr;
    std::optional<BlockSealer> sealer_;
    std::optional<LeafTableHasher> hasher_;
    std::unique_ptr<PackBuilder> pack_;
    PackNumber pack_number_{};
    Buffer block_;
    std::vector<LeafRecord> block_leaves_;
    std::uint64_t raw_bytes_ = 0;
    std::uint64_t blocks_ = 0;
    std::uint64_t compression_faults_ = 0;
};

}  // namespace perdure
