#include "source/archive/archive.h"

#include <algorithm>
#include <deque>
#include <map>
#include <optional>

#include "base/guarded.h"
#include "base/try.h"
#include "source/archive/tar_entry.h"
#include "source/archive/tar_stream.h"

namespace perdure {

namespace {

/// No filesystem gives such numbers, so that no file is ever taken for an unchanged imported one.
constexpr std::uint64_t kFirstInode = std::uint64_t{1} << 63;

/// Content that was read with its header, or is read from the archive now: front to back.
class ArchivedFile final : public OpenFile {
public:
    ArchivedFile(const Entry& entry, Buffer held)
        : size_(entry.size),
          extents_(entry.data_extents),
          sparse_(entry.sparse),
          held_(std::move(held)) {}
    ArchivedFile(const Entry& entry, TarStream& stream)
        : size_(entry.size),
          extents_(entry.data_extents),
          sparse_(entry.sparse),
          stream_(&stream) {}

    void read_ahead(std::uint64_t) override {}
    Result<std::size_t> read(std::uint64_t offset, MutableByteView out) override {
        if (offset >= size_) return std::size_t{0};
        const auto wanted =
            static_cast<std::size_t>(std::min<std::uint64_t>(out.size(), size_ - offset));
        if (stream_ == nullptr) {
            copy(out, ByteView(held_).subspan(static_cast<std::size_t>(offset), wanted));
            return wanted;
        }
        return read_stream(offset, out.first(wanted));
    }
    Result<std::vector<DataExtent>> data_extents() override { return extents_; }
    bool may_be_sparse() const override { return sparse_; }
    std::uint64_t size() const override { return size_; }
    Result<bool> changed_since_open() override { return false; }

private:
    static void copy(MutableByteView to, ByteView from) {
        std::copy(from.begin(), from.end(), to.begin());
    }

    /// What the archive leaves out between its pieces is zeros.
    Result<std::size_t> read_stream(std::uint64_t offset, MutableByteView out) {
        std::fill(out.begin(), out.end(), std::byte{0});
        const std::uint64_t end = offset + out.size();
        while (!at_end_ && piece_end() < end) {
            take_from_piece(offset, out);
            piece_ = PERDURE_TRY(stream_->read());
            at_end_ = piece_.bytes.empty();
        }
        take_from_piece(offset, out);
        return out.size();
    }
    std::uint64_t piece_end() const { return piece_.offset + piece_.bytes.size(); }
    void take_from_piece(std::uint64_t offset, MutableByteView out) const {
        const std::uint64_t from = std::max(offset, piece_.offset);
        const std::uint64_t to = std::min(offset + out.size(), piece_end());
        if (from >= to) return;
        copy(out.subspan(static_cast<std::size_t>(from - offset)),
             piece_.bytes.subspan(static_cast<std::size_t>(from - piece_.offset),
                                  static_cast<std::size_t>(to - from)));
    }

    std::uint64_t size_;
    std::vector<DataExtent> extents_;
    bool sparse_;
    Buffer held_;
    TarStream* stream_ = nullptr;
    TarStream::Piece piece_;
    bool at_end_ = false;
};

class ArchiveSource final : public FileSource {
public:
    explicit ArchiveSource(std::unique_ptr<TarStream> stream) : stream_(std::move(stream)) {}

    bool is_ordered() const override { return false; }
    std::unique_ptr<FileWalk> walk() override { return std::make_unique<Walk>(*this); }
    std::variant<std::unique_ptr<OpenFile>, Issue> open(WalkedEntry& walked) override {
        const Entry& entry = walked.entry;
        if (entry.size >= kStreamedFrom)
            return std::unique_ptr<OpenFile>(std::make_unique<ArchivedFile>(entry, *stream_));
        Buffer held = held_.with([&](auto& all) {
            const auto at = all.find(entry.inode);
            return at == all.end() ? Buffer() : std::move(all.extract(at).mapped());
        });
        if (held.size() != entry.size)
            return Issue{IssueKind::Unreadable, entry.path, "an archive is read once"};
        return std::unique_ptr<OpenFile>(std::make_unique<ArchivedFile>(entry, std::move(held)));
    }
    std::vector<Issue> read_details(WalkedEntry&, const OpenFile*) override { return {}; }
    Result<void> ended() override { return failed_ ? Result<void>(*failed_) : Result<void>(); }

private:
    class Walk final : public FileWalk {
    public:
        explicit Walk(ArchiveSource& source) : source_(source) {}
        std::optional<WalkEvent> next() override { return source_.next(); }
        void skip_subtree() override {}

    private:
        ArchiveSource& source_;
    };

    std::optional<WalkEvent> next() {
        if (!pending_.empty()) {
            WalkEvent event(std::move(pending_.front()));
            pending_.pop_front();
            return event;
        }
        if (failed_ || done_) return std::nullopt;
        auto event = read_next();
        if (event) return std::move(*event);
        failed_ = std::move(event).error();
        return std::nullopt;
    }

    Result<std::optional<WalkEvent>> read_next() {
        std::string lost;
        archive_entry* header = PERDURE_TRY(stream_->next(lost));
        if (header == nullptr) {
            done_ = true;
            return std::optional<WalkEvent>();
        }
        Issue refused;
        auto entry = tar_entry(header, refused);
        if (!entry) return std::optional<WalkEvent>(std::move(refused));
        entry->entry.inode = kFirstInode + entries_++;
        for (Issue& issue : entry->issues) pending_.push_back(std::move(issue));
        if (!lost.empty())
            pending_.push_back({IssueKind::MetadataLost, entry->entry.path, std::move(lost)});
        WalkedEntry walked;
        walked.hard_link_to = std::move(entry->link_to);
        walked.entry = std::move(entry->entry);
        const Entry& e = walked.entry;
        if (e.type == EntryType::File && walked.hard_link_to.empty() && e.size > 0 &&
            e.size < kStreamedFrom)
            PERDURE_TRY(hold_content(e));
        return std::optional<WalkEvent>(std::move(walked));
    }

    Result<void> hold_content(const Entry& entry) {
        Buffer content(static_cast<std::size_t>(entry.size));
        while (true) {
            const TarStream::Piece piece = PERDURE_TRY(stream_->read());
            if (piece.bytes.empty()) break;
            if (piece.offset > content.size() || piece.bytes.size() > content.size() - piece.offset)
                return Error(ErrorKind::Corrupt, stream_->name() + ": " + entry.path +
                                                     " holds more than its header says");
            std::copy(piece.bytes.begin(), piece.bytes.end(),
                      content.begin() + static_cast<std::ptrdiff_t>(piece.offset));
        }
        held_.with([&](auto& all) { all.emplace(entry.inode, std::move(content)); });
        return {};
    }

    std::unique_ptr<TarStream> stream_;
    std::uint64_t entries_ = 0;
    std::deque<Issue> pending_;  // behind the entry they are about
    /// By inode: read, and not captured yet.
    Guarded<std::map<std::uint64_t, Buffer>> held_;
    std::optional<Error> failed_;
    bool done_ = false;
};

}  // namespace

Result<std::unique_ptr<FileSource>> open_archive(int descriptor, std::string name,
                                                 std::stop_token stop) {
    auto stream = PERDURE_TRY(TarStream::open(descriptor, std::move(name), std::move(stop)));
    return std::unique_ptr<FileSource>(std::make_unique<ArchiveSource>(std::move(stream)));
}

}  // namespace perdure
