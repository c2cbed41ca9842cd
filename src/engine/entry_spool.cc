#include "engine/entry_spool.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <optional>

#include "base/try.h"
#include "codec/byte_io.h"

namespace perdure {

namespace {

constexpr std::size_t kReadBytes = 64U << 10;  // of one run
constexpr std::size_t kHeaderBytes = 16;       // of a record: two lengths, the sequence

Error spool_error(int code) { return system_error(code, "the temporary file of the import"); }

Result<void> write_at(int file, std::uint64_t offset, ByteView bytes) {
    while (!bytes.empty()) {
        const ssize_t put = ::pwrite(file, bytes.data(), bytes.size(), static_cast<off_t>(offset));
        if (put < 0 && errno == EINTR) continue;
        if (put < 0) return spool_error(errno).with_hint("give it another place with TMPDIR");
        offset += static_cast<std::uint64_t>(put);
        bytes = bytes.subspan(static_cast<std::size_t>(put));
    }
    return {};
}

Result<void> read_at(int file, std::uint64_t offset, MutableByteView out) {
    while (!out.empty()) {
        const ssize_t got = ::pread(file, out.data(), out.size(), static_cast<off_t>(offset));
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return spool_error(got < 0 ? errno : EIO);
        offset += static_cast<std::uint64_t>(got);
        out = out.subspan(static_cast<std::size_t>(got));
    }
    return {};
}

bool record_less(const SpooledRecord& a, const SpooledRecord& b) {
    if (a.path != b.path) return path_less(a.path, b.path);
    return a.sequence < b.sequence;
}

// ------------------------------------------------------------------------------------ entries

/// Of this process alone: packs by their numbers.
Buffer encode(const TreeEntry& tree) {
    const Entry& e = tree.entry;
    ByteWriter out;
    out.u8(static_cast<std::uint8_t>(e.type));
    for (const std::uint64_t value :
         {std::uint64_t{e.mode}, std::uint64_t{e.uid}, std::uint64_t{e.gid}, e.size, e.inode,
          e.device, e.links, std::uint64_t{e.device_major}, std::uint64_t{e.device_minor},
          std::uint64_t{e.inode_flags}, std::uint64_t{e.project_id}})
        out.varint(value);
    out.signed_varint(e.mtime_ns);
    out.signed_varint(e.ctime_ns);
    for (const std::string* text : {&e.user, &e.group, &e.link_target})
        out.sized_bytes(as_bytes(*text));
    out.varint(e.xattrs.size());
    for (const ExtendedAttribute& x : e.xattrs) {
        out.sized_bytes(as_bytes(x.name));
        out.sized_bytes(as_bytes(x.value));
    }
    out.varint(tree.recipe.size());
    for (const Run& run : tree.recipe) {
        out.u32(static_cast<std::uint32_t>(run.pack));
        out.varint(run.slot);
        out.varint(run.offset);
        out.varint(run.length);
    }
    return out.take();
}

std::string text_of(ByteView bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

TreeEntry decode(std::string path, ByteView payload) {
    ByteReader in(payload);
    TreeEntry tree;
    Entry& e = tree.entry;
    e.path = std::move(path);
    e.type = static_cast<EntryType>(in.u8());
    const auto small = [&] { return static_cast<std::uint32_t>(in.varint()); };
    e.mode = small();
    e.uid = small();
    e.gid = small();
    e.size = in.varint();
    e.inode = in.varint();
    e.device = in.varint();
    e.links = in.varint();
    e.device_major = small();
    e.device_minor = small();
    e.inode_flags = small();
    e.project_id = small();
    e.mtime_ns = in.signed_varint();
    e.ctime_ns = in.signed_varint();
    for (std::string* text : {&e.user, &e.group, &e.link_target}) *text = text_of(in.sized_bytes());
    for (std::uint64_t n = in.varint(); n > 0 && in.ok(); --n) {
        std::string name = text_of(in.sized_bytes());
        e.xattrs.push_back({std::move(name), text_of(in.sized_bytes())});
    }
    for (std::uint64_t n = in.varint(); n > 0 && in.ok(); --n) {
        Run run;
        run.pack = PackNumber{in.u32()};
        run.slot = small();
        run.offset = small();
        run.length = in.varint();
        tree.recipe.push_back(run);
    }
    PERDURE_CHECK(in.done());
    return tree;
}

/// Whether a later entry of the same path says the same: directories often come twice.
bool says_the_same(const TreeEntry& a, const TreeEntry& b) {
    Entry x = a.entry, y = b.entry;
    for (Entry* e : {&x, &y}) {
        e->inode = 0;
        e->ctime_ns = 0;
        if (e->type == EntryType::Directory) e->mtime_ns = 0;
    }
    return x == y && a.recipe == b.recipe;
}

}  // namespace

// ------------------------------------------------------------------------------------ sorting

/// Merges the sorted runs.
class RecordSorter::Reader {
public:
    Result<void> open(int file, const std::vector<SortedRun>& runs) {
        file_ = file;
        for (const SortedRun& run : runs) cursors_.push_back({run.offset, run.offset + run.length});
        for (std::size_t i = 0; i < cursors_.size(); ++i) PERDURE_TRY(advance(i));
        return {};
    }

    /// The next record; null at the end. Valid until step().
    const SpooledRecord* head() const {
        return heap_.empty() ? nullptr : &cursors_[heap_.front()].head;
    }
    Result<void> step() {
        std::pop_heap(heap_.begin(), heap_.end(), after());
        const std::size_t run = heap_.back();
        heap_.pop_back();
        return advance(run);
    }
    Result<SpooledRecord> take() {
        SpooledRecord record = std::move(cursors_[heap_.front()].head);
        // Its place in the heap is by what it was.
        cursors_[heap_.front()].head.path = record.path;
        cursors_[heap_.front()].head.sequence = record.sequence;
        PERDURE_TRY(step());
        return record;
    }

private:
    struct Cursor {
        std::uint64_t next, end;  // in the file: what is not in `buffer` yet
        Buffer buffer = {};
        std::size_t at = 0;
        SpooledRecord head = {};
    };

    std::function<bool(std::size_t, std::size_t)> after() const {
        return [this](std::size_t a, std::size_t b) {
            return record_less(cursors_[b].head, cursors_[a].head);
        };
    }

    /// Makes `bytes` bytes available at `at`.
    Result<void> fill(Cursor& c, std::size_t bytes) {
        if (c.buffer.size() - c.at >= bytes) return {};
        c.buffer.erase(c.buffer.begin(), c.buffer.begin() + static_cast<std::ptrdiff_t>(c.at));
        c.at = 0;
        const std::size_t had = c.buffer.size();
        const auto more = static_cast<std::size_t>(
            std::min<std::uint64_t>(std::max(bytes - had, kReadBytes), c.end - c.next));
        c.buffer.resize(had + more);
        PERDURE_TRY(read_at(file_, c.next, MutableByteView(c.buffer).subspan(had)));
        c.next += more;
        return {};
    }

    Result<void> advance(std::size_t run) {
        Cursor& c = cursors_[run];
        if (c.at == c.buffer.size() && c.next == c.end) {
            c.buffer = {};
            return {};
        }
        PERDURE_TRY(fill(c, kHeaderBytes));
        ByteReader header(ByteView(c.buffer).subspan(c.at, kHeaderBytes));
        const std::size_t path = header.u32();
        const std::size_t payload = header.u32();
        c.head.sequence = header.u64();
        c.at += kHeaderBytes;
        PERDURE_TRY(fill(c, path + payload));
        c.head.path = text_of(ByteView(c.buffer).subspan(c.at, path));
        c.head.payload = to_buffer(ByteView(c.buffer).subspan(c.at + path, payload));
        c.at += path + payload;
        heap_.push_back(run);
        std::push_heap(heap_.begin(), heap_.end(), after());
        return {};
    }

    int file_ = -1;
    std::vector<Cursor> cursors_;
    std::vector<std::size_t> heap_;
};

Result<void> RecordSorter::add(SpooledRecord record) {
    held_bytes_ += record.path.size() + record.payload.size() + sizeof record;
    held_.push_back(std::move(record));
    return held_bytes_ < sort_bytes_ ? Result<void>() : write_run();
}

Result<void> RecordSorter::write_run() {
    if (held_.empty()) return {};
    std::sort(held_.begin(), held_.end(), record_less);
    const std::uint64_t begin = end_;
    ByteWriter out;
    const auto flush = [&]() -> Result<void> {
        PERDURE_TRY(write_at(file_, end_, out.view()));
        end_ += out.size();
        out.clear();
        return {};
    };
    for (const SpooledRecord& record : held_) {
        out.u32(static_cast<std::uint32_t>(record.path.size()));
        out.u32(static_cast<std::uint32_t>(record.payload.size()));
        out.u64(record.sequence);
        out.bytes(as_bytes(record.path));
        out.bytes(record.payload);
        if (out.size() >= kReadBytes) PERDURE_TRY(flush());
    }
    PERDURE_TRY(flush());
    runs_.push_back({begin, end_ - begin});
    held_.clear();
    held_bytes_ = 0;
    return {};
}

Result<std::unique_ptr<RecordSorter::Reader>> RecordSorter::sorted() {
    PERDURE_TRY(write_run());
    auto reader = std::make_unique<Reader>();
    PERDURE_TRY(reader->open(file_, runs_));
    return reader;
}

// ------------------------------------------------------------------------------------ the spool

EntrySpool::EntrySpool(Fd file, std::size_t sort_bytes)
    : file_(std::move(file)),
      entries_(file_.get(), end_, sort_bytes),
      links_(file_.get(), end_, sort_bytes),
      resolved_(file_.get(), end_, sort_bytes) {}

Result<std::unique_ptr<EntrySpool>> EntrySpool::open(const std::string& directory,
                                                     std::size_t sort_bytes) {
    Fd file(::open(directory.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
    if (!file) {  // a filesystem that has no files without names
        std::string path = directory + "/perdure-import-XXXXXX";
        file = Fd(::mkostemp(path.data(), O_CLOEXEC));
        if (file) ::unlink(path.c_str());
    }
    if (!file)
        return system_error(errno, "a temporary file in " + directory)
            .with_hint("give it another place with TMPDIR");
    return std::unique_ptr<EntrySpool>(new EntrySpool(std::move(file), sort_bytes));
}

Result<void> EntrySpool::add(const TreeEntry& entry, const std::string& target) {
    SpooledRecord record{entry.entry.path, sequence_++, encode(entry)};
    if (target.empty()) return entries_.add(std::move(record));
    ++links_added_;
    // Sorted by what it links to; its own path goes along.
    ByteWriter payload;
    payload.sized_bytes(as_bytes(record.path));
    return links_.add({target, record.sequence, payload.take()});
}

namespace {

using Reader = RecordSorter::Reader;

std::string link_path(const SpooledRecord& link) {
    ByteReader in(link.payload);
    return text_of(in.sized_bytes());
}

Issue unresolved(const SpooledRecord& link) {
    return {IssueKind::Unsupported, link_path(link),
            "is a hard link to " + link.path + ", which is no file of the archive before it"};
}

/// The links that name the version of a file at the head, of which `next` is the sequence of the
/// version after it: those that came between the two.
Result<std::vector<SpooledRecord>> links_to(Reader& links, const SpooledRecord& file,
                                            std::uint64_t next) {
    std::vector<SpooledRecord> found;
    while (const SpooledRecord* link = links.head()) {
        if (link->path != file.path || link->sequence > next) break;
        found.push_back(PERDURE_TRY(links.take()));
    }
    return found;
}

}  // namespace

/// Joins links with what they link to: each becomes an entry of its own in `resolved_`.
Result<void> EntrySpool::resolve_links(const Sinks& sinks, std::stop_token stop) {
    const auto entries = PERDURE_TRY(entries_.sorted());
    const auto links = PERDURE_TRY(links_.sorted());
    const auto drop = [&]() -> Result<void> {
        sinks.issue(unresolved(*links->head()));
        return links->step();
    };
    while (links->head() != nullptr && entries->head() != nullptr) {
        if (stop.stop_requested()) return Error(ErrorKind::Cancelled, "interrupted");
        const SpooledRecord& link = *links->head();
        if (path_less(entries->head()->path, link.path)) {
            PERDURE_TRY(entries->step());
            continue;
        }
        if (link.path != entries->head()->path || link.sequence < entries->head()->sequence) {
            PERDURE_TRY(drop());
            continue;
        }
        const SpooledRecord file = PERDURE_TRY(entries->take());
        const bool again = entries->head() != nullptr && entries->head()->path == file.path;
        const auto found = PERDURE_TRY(
            links_to(*links, file, again ? entries->head()->sequence : ~std::uint64_t{0}));
        TreeEntry entry = decode(file.path, file.payload);
        if (entry.entry.type == EntryType::Directory) {
            for (const SpooledRecord& one : found) sinks.issue(unresolved(one));
            continue;
        }
        entry.entry.links = found.size() + 1;
        for (const SpooledRecord& one : found)
            PERDURE_TRY(resolved_.add({link_path(one), one.sequence, encode(entry)}));
        // The file itself once more, with its links counted: it stands behind what it was.
        if (!found.empty()) PERDURE_TRY(resolved_.add({file.path, file.sequence, encode(entry)}));
    }
    while (links->head() != nullptr) PERDURE_TRY(drop());
    return {};
}

namespace {

/// Gives entries to the tree: the last of each path, below directories that are there.
class TreeFeed {
public:
    explicit TreeFeed(const EntrySpool::Sinks& sinks) : sinks_(sinks) {}

    Result<void> add(TreeEntry entry) {
        if (held_ && held_->entry.path == entry.entry.path) {
            const bool counted = held_->entry.inode == entry.entry.inode;
            if (!counted && !says_the_same(*held_, entry))
                sinks_.issue({IssueKind::Unsupported, entry.entry.path,
                              "stands several times in the archive; the last one is stored"});
            held_ = std::move(entry);
            return {};
        }
        PERDURE_TRY(flush());
        held_ = std::move(entry);
        return {};
    }

    Result<void> flush() {
        if (!held_) return {};
        TreeEntry entry = std::move(*held_);
        held_.reset();
        const std::string& path = entry.entry.path;
        while (!open_.empty() && path != open_.back() && !is_beneath(path, open_.back()))
            open_.pop_back();
        if (is_beneath(path, blocked_) && !blocked_.empty()) {
            sinks_.issue({IssueKind::Unsupported, path,
                          "lies below " + blocked_ + ", which is no directory"});
            return {};
        }
        PERDURE_TRY(make_directories(entry.entry));
        if (entry.entry.type == EntryType::Directory)
            open_.push_back(path);
        else
            blocked_ = path;
        return sinks_.entry(std::move(entry));
    }

private:
    /// Those above `entry` that did not come.
    Result<void> make_directories(const Entry& entry) {
        if (open_.empty() && !entry.path.empty()) PERDURE_TRY(make("", entry));
        std::size_t from = open_.empty() || open_.back().empty() ? 0 : open_.back().size() + 1;
        for (std::size_t at = entry.path.find('/', from); at != std::string::npos;
             at = entry.path.find('/', at + 1))
            PERDURE_TRY(make(entry.path.substr(0, at), entry));
        return {};
    }

    Result<void> make(std::string path, const Entry& like) {
        TreeEntry directory;
        Entry& e = directory.entry;
        e.path = path;
        e.type = EntryType::Directory;
        e.mode = 0755;
        e.uid = like.uid;
        e.gid = like.gid;
        e.user = like.user;
        e.group = like.group;
        e.mtime_ns = like.mtime_ns;
        e.ctime_ns = like.ctime_ns;
        open_.push_back(std::move(path));
        return sinks_.entry(std::move(directory));
    }

    const EntrySpool::Sinks& sinks_;
    std::optional<TreeEntry> held_;
    std::vector<std::string> open_;  // directories above the next entry
    std::string blocked_;            // the last entry that is no directory
};

}  // namespace

Result<void> EntrySpool::finish(const Sinks& sinks, std::stop_token stop) {
    if (links_added_ > 0) PERDURE_TRY(resolve_links(sinks, stop));
    const auto entries = PERDURE_TRY(entries_.sorted());
    const auto resolved = PERDURE_TRY(resolved_.sorted());
    TreeFeed feed(sinks);
    while (entries->head() != nullptr || resolved->head() != nullptr) {
        if (stop.stop_requested()) return Error(ErrorKind::Cancelled, "interrupted");
        const SpooledRecord* a = entries->head();
        const SpooledRecord* b = resolved->head();
        // Of equal ones the one with its links counted comes second.
        const bool plain = b == nullptr || (a != nullptr && !record_less(*b, *a));
        SpooledRecord next = PERDURE_TRY(plain ? entries->take() : resolved->take());
        PERDURE_TRY(feed.add(decode(std::move(next.path), next.payload)));
    }
    return feed.flush();
}

}  // namespace perdure
