#include "engine/diff.h"

#include <algorithm>

#include "base/try.h"

namespace perdure {

namespace {

void count(DiffCounts& counts, const Entry& entry) {
    if (entry.type == EntryType::File)
        ++counts.files;
    else if (entry.type == EntryType::Directory)
        ++counts.directories;
    else
        ++counts.others;
    if (entry.type == EntryType::File) counts.bytes += entry.size;
}

bool same_metadata(const Entry& a, const Entry& b) {
    return a.mode == b.mode && a.uid == b.uid && a.gid == b.gid && a.user == b.user &&
           a.group == b.group && a.mtime_ns == b.mtime_ns && a.inode_flags == b.inode_flags &&
           a.project_id == b.project_id && a.xattrs == b.xattrs;
}

bool is_zero(ByteView bytes) {
    return std::all_of(bytes.begin(), bytes.end(), [](std::byte b) { return b == std::byte{0}; });
}

/// One recipe, stretch by stretch.
class RecipeReader {
public:
    RecipeReader(PointReader& reader, const Recipe& recipe, std::stop_token stop)
        : reader_(reader), recipe_(recipe), stop_(std::move(stop)) {}

    bool at_end() const { return next_ == recipe_.size(); }
    const Run& run() const { return recipe_[next_]; }
    std::uint64_t left() const { return run().length - done_; }
    std::uint32_t offset() const { return run().offset + static_cast<std::uint32_t>(done_); }
    BirthPack pack() const { return reader_.registry().pack_of(run().pack); }

    /// `length` bytes of a run that is no hole.
    Result<ByteView> bytes(std::uint64_t length) {
        block_ = PERDURE_TRY(reader_.blocks().read(run().pack, run().slot, stop_));
        if (offset() + length > block_->size())
            return Error(ErrorKind::Corrupt, "a recipe reaches past the end of its block");
        return ByteView(*block_).subspan(offset(), length);
    }
    void skip(std::uint64_t length) {
        done_ += length;
        if (done_ < run().length) return;
        done_ = 0;
        ++next_;
    }

private:
    PointReader& reader_;
    const Recipe& recipe_;
    std::stop_token stop_;
    std::size_t next_ = 0;
    std::uint64_t done_ = 0;
    std::shared_ptr<const Buffer> block_;
};

bool is_same_place(const RecipeReader& a, const RecipeReader& b) {
    if (a.run().is_hole() || b.run().is_hole()) return a.run().is_hole() == b.run().is_hole();
    return a.run().slot == b.run().slot && a.offset() == b.offset() && a.pack() == b.pack();
}

/// Whether the next `length` bytes of both, which lie in one run of each, are the same.
Result<bool> same_bytes(RecipeReader& a, RecipeReader& b, std::uint64_t length) {
    ByteView left, right;
    if (!a.run().is_hole()) left = PERDURE_TRY(a.bytes(length));
    if (!b.run().is_hole()) right = PERDURE_TRY(b.bytes(length));
    if (a.run().is_hole()) return is_zero(right);
    if (b.run().is_hole()) return is_zero(left);
    return equal(left, right);
}

/// Whether two files of equal size hold the same bytes.
Result<bool> same_content(RecipeReader a, RecipeReader b) {
    while (!a.at_end() && !b.at_end()) {
        const std::uint64_t length = std::min(a.left(), b.left());
        if (!is_same_place(a, b)) {
            const bool same = PERDURE_TRY(same_bytes(a, b, length));
            if (!same) return false;
        }
        a.skip(length);
        b.skip(length);
    }
    return a.at_end() == b.at_end();
}

class Diff {
public:
    Diff(TreeStream before, TreeStream after, bool metadata,
         const std::function<void(const Change&)>& sink, DiffTotals& totals, std::stop_token stop)
        : before_(std::move(before)),
          after_(std::move(after)),
          metadata_(metadata),
          sink_(sink),
          totals_(totals),
          stop_(std::move(stop)) {}

    Result<void> run() {
        const bool same_paths = before_.subtree() == after_.subtree();
        while (!before_.at_end() || !after_.at_end()) {
            if (stop_.stop_requested()) return Error(ErrorKind::Cancelled, "interrupted");
            if (same_paths && before_.at_page() && after_.at_page() &&
                before_.page() == after_.page()) {
                before_.step();
                after_.step();
            } else {
                PERDURE_TRY(advance());
            }
        }
        return {};
    }

private:
    /// Deals with the lesser head: opens it if it is a page. No page is opened before its turn,
    /// since the other tree may have it too.
    Result<void> advance() {
        const bool before_first =
            after_.at_end() || (!before_.at_end() && path_less(before_.path(), after_.path()));
        const bool after_first =
            before_.at_end() || (!after_.at_end() && path_less(after_.path(), before_.path()));
        if (before_first) return before_.at_page() ? before_.open() : removed();
        if (after_first) return after_.at_page() ? after_.open() : added();
        // The larger page first: what is below it may begin with the other one.
        if (before_.at_page() && after_.at_page())
            return before_.page_entries() >= after_.page_entries() ? before_.open() : after_.open();
        if (before_.at_page()) return before_.open();
        if (after_.at_page()) return after_.open();
        PERDURE_TRY(compare_entries());
        before_.step();
        after_.step();
        return {};
    }

    Result<void> removed() {
        count(totals_.removed, before_.entry().entry);
        sink_({ChangeKind::Removed, before_.path(), &before_.entry().entry, nullptr});
        before_.step();
        return {};
    }
    Result<void> added() {
        count(totals_.added, after_.entry().entry);
        sink_({ChangeKind::Added, after_.path(), nullptr, &after_.entry().entry});
        after_.step();
        return {};
    }

    Result<void> compare_entries() {
        const Entry& a = before_.entry().entry;
        const Entry& b = after_.entry().entry;
        bool same = a.type == b.type;
        if (same) same = PERDURE_TRY(same_substance());
        if (!same) {
            count(totals_.modified, b);
            totals_.modified_before += a.type == EntryType::File ? a.size : 0;
            sink_({a.type != b.type ? ChangeKind::Type : ChangeKind::Modified, after_.path(), &a,
                   &b});
            return {};
        }
        if (!metadata_) return {};
        PERDURE_TRY(before_.complete(before_.entry()));
        PERDURE_TRY(after_.complete(after_.entry()));
        if (same_metadata(a, b)) return {};
        ++totals_.metadata;
        sink_({ChangeKind::Metadata, after_.path(), &a, &b});
        return {};
    }

    Result<bool> same_substance() {
        TreeEntry& a = before_.entry();
        TreeEntry& b = after_.entry();
        if (a.entry.type == EntryType::Symlink) return a.entry.link_target == b.entry.link_target;
        if (a.entry.type != EntryType::File)
            return a.entry.device_major == b.entry.device_major &&
                   a.entry.device_minor == b.entry.device_minor;
        if (a.entry.size != b.entry.size) return false;
        const auto address = [](const TreeStream& s, PageAddress page) {
            return s.reader().registry().address(page.pack, page.slot);
        };
        if (a.outlined_recipe && b.outlined_recipe &&
            address(before_, a.recipe_page) == address(after_, b.recipe_page))
            return true;
        PERDURE_TRY(before_.complete(a));
        PERDURE_TRY(after_.complete(b));
        return same_content({before_.reader(), a.recipe, stop_},
                            {after_.reader(), b.recipe, stop_});
    }

    TreeStream before_, after_;
    const bool metadata_;
    const std::function<void(const Change&)>& sink_;
    DiffTotals& totals_;
    std::stop_token stop_;
};

}  // namespace

std::string_view to_string(ChangeKind kind) {
    switch (kind) {
        case ChangeKind::Added: return "added";
        case ChangeKind::Removed: return "removed";
        case ChangeKind::Modified: return "modified";
        case ChangeKind::Type: return "type";
        case ChangeKind::Metadata: return "metadata";
    }
    return "unknown";
}

Result<void> diff_trees(TreeStream before, TreeStream after, bool metadata,
                        const std::function<void(const Change&)>& sink, DiffTotals& totals,
                        std::stop_token stop) {
    return Diff(std::move(before), std::move(after), metadata, sink, totals, std::move(stop)).run();
}

}  // namespace perdure
