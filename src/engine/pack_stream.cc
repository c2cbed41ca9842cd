#include "engine/pack_stream.h"

#include <algorithm>

#include "base/task_group.h"
#include "base/try.h"

namespace perdure {

PackUploader::PackUploader(LeafIndex& leaves, unsigned threads, std::size_t most)
    : leaves_(leaves), most_(most), queue_(most) {
    for (unsigned i = 0; i < std::max(1U, threads); ++i)
        threads_.emplace_back([this](std::stop_token stop) { run(stop); });
}

PackUploader::~PackUploader() {
    queue_.close();
    for (std::jthread& thread : threads_) thread.request_stop();
}

void PackUploader::run(std::stop_token stop) {
    while (auto upload = queue_.pop()) {
        const bool failed = pending_.with([](const Pending& p) { return p.error.has_value(); });
        Result<void> published;
        if (!failed && !stop.stop_requested())
            published = without_exceptions([&] { return publish(*upload, stop); });
        if (upload->pack.table.kind == PackKind::Data)
            buffers_.with([&](std::vector<Buffer>& buffers) {
                buffers.push_back(std::move(upload->pack.bytes));
            });
        pending_.change([&](Pending& p) {
            --p.count;
            if (!published && !p.error) p.error = std::move(published).error();
        });
    }
}

Result<void> PackUploader::publish(Upload& upload, std::stop_token stop) {
    const PackTable& table = upload.pack.table;
    PERDURE_TRY(upload.session->publish(upload.pack, leaves_.fingerprints_of(table.pack), stop));
    bytes_ += table.size;
    leaves_.close_pack(table);
    return {};
}

bool PackUploader::submit(WriteSession& session, FinishedPack pack) {
    const bool good = pending_.wait([this](const Pending& p) { return p.error || p.count < most_; },
                                    [](Pending& p) {
                                        if (p.error) return false;
                                        ++p.count;
                                        return true;
                                    });
    return good && queue_.push({&session, std::move(pack)});
}

Result<void> PackUploader::drain() {
    return pending_.wait([](const Pending& p) { return p.count == 0; },
                         [](Pending& p) -> Result<void> {
                             if (p.error) return *p.error;
                             return {};
                         });
}

Buffer PackUploader::take_buffer() {
    return buffers_.with([](std::vector<Buffer>& buffers) {
        if (buffers.empty()) return Buffer();
        Buffer buffer = std::move(buffers.back());
        buffers.pop_back();
        return buffer;
    });
}

PackStream::PackStream(PackRegistry& registry, LeafIndex& leaves, PackUploader& uploader,
                       const Options& options)
    : registry_(registry), leaves_(leaves), uploader_(uploader), options_(options) {}

void PackStream::attach(WriteSession& session) {
    PERDURE_CHECK(!pack_ && block_.empty());
    session_ = &session;
    sealer_.emplace(session.context().repository);
    hasher_.emplace(session.context().repository, session.context().domain);
}

Result<void> PackStream::begin_block() {
    if (pack_ && pack_->full()) PERDURE_TRY(end_pack());
    if (!pack_) {
        // A pack of pages is hardly ever full: a recycled buffer would be memory for nothing.
        Buffer buffer = options_.kind == PackKind::Data ? uploader_.take_buffer() : Buffer();
        pack_ = std::make_unique<PackBuilder>(session_->context(), options_.kind,
                                              session_->new_pack_id(), std::move(buffer));
        pack_number_ = registry_.number_of(pack_->pack());
        leaves_.open_pack(pack_number_);
    }
    return {};
}

int PackStream::level() const {
    int level = options_.seal.level;
    if (uploader_.is_busy()) level = std::max(level, options_.busy_level);
    const std::uint64_t begin = raw_bytes_ - block_.size();
    for (const PatientLevel& step : options_.patience)
        if (begin < step.until) return std::max(level, step.level);
    return level;
}

Result<LeafPlace> PackStream::add(const LeafId& id, ByteView content) {
    if (block_.size() + content.size() > options_.block_size) PERDURE_TRY(end_block());
    if (block_.empty()) PERDURE_TRY(begin_block());
    const LeafPlace place{pack_number_, pack_->next_slot(),
                          static_cast<std::uint32_t>(block_.size()),
                          static_cast<std::uint32_t>(content.size())};
    append(block_, content);
    block_leaves_.push_back({id, place.length});
    leaves_.add(id, place);
    raw_bytes_ += content.size();
    return place;
}

Result<LeafPlace> PackStream::add_alone(const LeafId& id, ByteView content) {
    PERDURE_TRY(end_block());
    const LeafPlace place = PERDURE_TRY(add(id, content));
    PERDURE_TRY(end_block());
    return place;
}

Result<void> PackStream::end_block() {
    if (block_.empty()) return {};
    SealPolicy policy = options_.seal;
    policy.level = level();
    policy.verify = options_.verify_one_in <= 1 || blocks_ % options_.verify_one_in == 0;
    const SealedBlock sealed =
        PERDURE_TRY(pack_->add(block_, block_leaves_, *sealer_, *hasher_, policy));
    if (sealed.compression_fault) ++compression_faults_;
    ++blocks_;
    block_.clear();
    block_leaves_.clear();
    return {};
}

Result<void> PackStream::end_pack() {
    PERDURE_TRY(end_block());
    if (!pack_) return {};
    if (!pack_->empty() && !uploader_.submit(*session_, pack_->finish())) {
        pack_.reset();
        auto drained = uploader_.drain();
        if (!drained) return drained;
        return Error(ErrorKind::Cancelled, "interrupted");
    }
    pack_.reset();
    return {};
}

}  // namespace perdure
