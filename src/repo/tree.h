// Trees of pages: the persistent, content-defined B-tree of a point's entries (FORMAT.md, Trees).
//
// The invariant: the same entries give the same pages whatever tree came before, because page
// boundaries depend on entries' paths (keyed) and weights alone. So an incremental backup stores
// only pages that changed.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/secret.h"
#include "crypto/hash.h"
#include "repo/page.h"

namespace perdure {

/// Stores a page, or finds that it is stored already. `raw` is at most 1 MiB.
using StorePage = std::function<Result<PageAddress>(ByteView raw)>;
/// The raw bytes of a page.
using LoadPage = std::function<Result<std::shared_ptr<const Buffer>>(PageAddress)>;

/// Where an entry stands in a tree that is stored already.
struct EntryOrigin {
    PageAddress page;
    std::uint32_t index = 0;  // in the page
    std::uint32_t count = 0;  // of the page's entries
};

/// An entry of a stored tree, its outlined parts left where they are.
struct KeptEntry {
    TreeEntry entry;
    std::optional<EntryOrigin> origin;  // none if something of `entry` is no longer as it is there
    Recipe outlined_runs;               // of its run pages
    std::vector<PageAddress> pages;     // outlined, all of them
};

/// Where pages begin: before an entry whose keyed path hash ends in 11 zero bits (one in 2048), at
/// level l in 11 + 8 l.
class PageBoundaries {
public:
    explicit PageBoundaries(const Key256& key) : hasher_(key) {}
    /// Highest level at which a page begins before `path`, -1 if none.
    int level_of(std::string_view path);

private:
    KeyedHasher hasher_;
};

class TreeWriter {
public:
    /// Called with each page that is taken over from a stored tree.
    using KeepPage = std::function<Result<void>(PageAddress)>;

    /// Marks every page and every run it is given in `live`.
    TreeWriter(const Key256& boundary_key, PackRegistry&, StorePage, KeepPage, LivenessMarks& live);

    /// In path order; the first is "". Recipes longer than kMaxInlineRuns and long xattrs are
    /// outlined here.
    Result<void> add(TreeEntry entry);
    /// As add(). A page whose entries are all kept, and from one page, is that page: it is neither
    /// encoded nor stored again.
    Result<void> add_kept(KeptEntry kept);
    /// The root page. Call once, after at least one add().
    Result<PageAddress> finish();

private:
    struct Level {
        std::vector<InnerChild> children;
        std::size_t weight = 0;
    };
    Result<void> outline(TreeEntry&);
    Result<PageAddress> store(ByteView raw);
    Result<void> append(TreeEntry, const std::optional<EntryOrigin>&);
    void note_origin(const std::optional<EntryOrigin>&);
    Result<PageAddress> entries_page();
    Result<void> flush_entries();
    Result<void> flush_level(std::size_t level);
    Result<void> add_child(std::size_t level, InnerChild child);

    PageBoundaries boundaries_;
    PackRegistry& registry_;
    StorePage store_;
    KeepPage keep_;
    LivenessMarks& live_;
    std::vector<TreeEntry> entries_;
    std::optional<EntryOrigin> kept_;  // while entries_ are the first ones of that page
    std::size_t weight_ = 0;
    std::vector<Level> levels_;
};

/// Reads entries in path order. Not thread-safe.
class TreeCursor {
public:
    TreeCursor(PageAddress root, PackRegistry&, LoadPage);

    /// The next entry, nothing at the end.
    Result<std::optional<TreeEntry>> next();
    /// Positions before the first entry not less than `path`, touching one page a level.
    Result<void> seek(std::string_view path);
    /// Of the entry that next() returned last.
    EntryOrigin origin() const {
        return {page_, static_cast<std::uint32_t>(at_ - 1),
                static_cast<std::uint32_t>(entries_.size())};
    }
    /// Loads outlined xattrs and recipe into `entry`.
    Result<void> complete(TreeEntry& entry);
    /// The entry that next() returned last, to be kept as it is.
    Result<KeptEntry> keep(TreeEntry entry);

private:
    struct Step {
        std::vector<InnerChild> children;
        std::size_t next = 0;
    };
    Result<void> descend(PageAddress page, std::optional<std::string_view> to);
    Result<void> read_runs(PageAddress page, int depth, Recipe& out,
                           std::vector<PageAddress>* pages);

    PageAddress root_;
    PackRegistry& registry_;
    LoadPage load_;
    std::vector<Step> steps_;
    PageAddress page_;  // of entries_
    std::vector<TreeEntry> entries_;
    std::size_t at_ = 0;
    bool started_ = false;
};

/// Calls `visit` for every page of the tree, run and bytes pages included, and for every recipe:
/// what a liveness summary must hold.
struct TreeVisitor {
    std::function<Result<void>(PageAddress)> page;
    std::function<Result<void>(const TreeEntry&, const Recipe&)> entry;
};
Result<void> visit_tree(PageAddress root, PackRegistry&, const LoadPage&, const TreeVisitor&);

}  // namespace perdure
