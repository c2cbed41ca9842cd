#include "repo/tree.h"

#include <algorithm>
#include <bit>

#include "base/check.h"
#include "base/try.h"

namespace perdure {

namespace {

// One page in 2048 entries: about 25 KiB stored, small enough that one changed file costs little,
// large enough to compress.
constexpr int kEntryBits = 11;
constexpr int kLevelBits = 8;
constexpr std::size_t kRunsAPage = 8192;
constexpr std::size_t kRunPagesAPage = 8192;
constexpr int kMaxDepth = 16;

Error corrupt(const char* why) { return Error(ErrorKind::Corrupt, std::string("tree: ") + why); }

}  // namespace

int PageBoundaries::level_of(std::string_view path) {
    hasher_.reset();
    const std::uint64_t hash = hasher_.update(as_bytes(path)).finish().fingerprint();
    const int zeros = std::countr_zero(hash);
    return zeros < kEntryBits ? -1 : (zeros - kEntryBits) / kLevelBits;
}

TreeWriter::TreeWriter(const Key256& boundary_key, PackRegistry& registry, StorePage store,
                       KeepPage keep, LivenessMarks& live)
    : boundaries_(boundary_key),
      registry_(registry),
      store_(std::move(store)),
      keep_(std::move(keep)),
      live_(live) {}

Result<PageAddress> TreeWriter::store(ByteView raw) {
    const PageAddress address = PERDURE_TRY(store_(raw));
    live_.mark(address.pack, address.slot);
    return address;
}

Result<void> TreeWriter::outline(TreeEntry& e) {
    std::size_t inline_bytes = 0;
    for (std::size_t i = 0; i < e.entry.xattrs.size(); ++i) {
        std::string& value = e.entry.xattrs[i].value;
        if (value.size() <= kMaxInlineXattr && inline_bytes + value.size() <= kMaxInlineXattrs) {
            inline_bytes += value.size();
            continue;
        }
        const PageAddress page = PERDURE_TRY(store(encode_bytes_page(as_bytes(value))));
        e.outlined_xattrs.push_back({static_cast<std::uint32_t>(i), page});
        value.clear();
    }
    if (e.recipe.size() <= kMaxInlineRuns) return {};
    std::vector<RunsChild> children;
    for (std::size_t at = 0; at < e.recipe.size(); at += kRunsAPage) {
        const auto part =
            std::span(e.recipe).subspan(at, std::min(kRunsAPage, e.recipe.size() - at));
        std::uint64_t bytes = 0;
        for (const Run& run : part) bytes += run.length;
        children.push_back({PERDURE_TRY(store(encode_runs_page(part, registry_))), bytes});
    }
    while (children.size() > 1) {
        std::vector<RunsChild> parents;
        for (std::size_t at = 0; at < children.size(); at += kRunPagesAPage) {
            const auto part =
                std::span(children).subspan(at, std::min(kRunPagesAPage, children.size() - at));
            std::uint64_t bytes = 0;
            for (const RunsChild& child : part) bytes += child.bytes;
            parents.push_back({PERDURE_TRY(store(encode_runs_inner_page(part, registry_))), bytes});
        }
        children = std::move(parents);
    }
    e.recipe.clear();
    e.outlined_recipe = true;
    e.recipe_page = children.front().page;
    return {};
}

Result<void> TreeWriter::add(TreeEntry entry) {
    live_.mark(entry.recipe);
    PERDURE_TRY(outline(entry));
    return append(std::move(entry), std::nullopt);
}

Result<void> TreeWriter::add_kept(KeptEntry kept) {
    live_.mark(kept.entry.recipe);
    live_.mark(kept.outlined_runs);
    for (const PageAddress& page : kept.pages) live_.mark(page.pack, page.slot);
    return append(std::move(kept.entry), kept.origin);
}

Result<void> TreeWriter::append(TreeEntry entry, const std::optional<EntryOrigin>& origin) {
    const std::size_t weight = page_weight(entry);
    const int level = boundaries_.level_of(entry.entry.path);
    if (!entries_.empty() && (level >= 0 || weight_ + weight > kMaxPageWeight))
        PERDURE_TRY(flush_entries());
    for (int l = 0; l < level && l < static_cast<int>(levels_.size()); ++l)
        PERDURE_TRY(flush_level(static_cast<std::size_t>(l)));
    note_origin(origin);
    weight_ += weight;
    entries_.push_back(std::move(entry));
    return {};
}

void TreeWriter::note_origin(const std::optional<EntryOrigin>& origin) {
    const bool follows = origin && origin->index == entries_.size() &&
                         (entries_.empty() || (kept_ && kept_->page == origin->page));
    kept_ = follows ? origin : std::nullopt;
}

Result<PageAddress> TreeWriter::entries_page() {
    if (!kept_ || kept_->count != entries_.size())
        return store(encode_entries_page(entries_, registry_));
    live_.mark(kept_->page.pack, kept_->page.slot);
    PERDURE_TRY(keep_(kept_->page));
    return kept_->page;
}

Result<void> TreeWriter::flush_entries() {
    InnerChild child{entries_.front().entry.path, {}, entries_.size(), 0};
    for (const TreeEntry& e : entries_) child.bytes += e.entry.size;
    child.page = PERDURE_TRY(entries_page());
    entries_.clear();
    weight_ = 0;
    return add_child(0, std::move(child));
}

Result<void> TreeWriter::add_child(std::size_t level, InnerChild child) {
    if (level == levels_.size()) levels_.emplace_back();
    if (levels_[level].weight + page_weight(child) > kMaxPageWeight)
        PERDURE_TRY(flush_level(level));
    levels_[level].weight += page_weight(child);
    levels_[level].children.push_back(std::move(child));
    return {};
}

Result<void> TreeWriter::flush_level(std::size_t level) {
    auto& children = levels_[level].children;
    if (children.empty()) return {};
    InnerChild parent{children.front().first_path, {}, 0, 0};
    for (const InnerChild& child : children) {
        parent.entries += child.entries;
        parent.bytes += child.bytes;
    }
    parent.page = PERDURE_TRY(store(encode_inner_page(children, registry_)));
    children.clear();
    levels_[level].weight = 0;
    return add_child(level + 1, std::move(parent));
}

Result<PageAddress> TreeWriter::finish() {
    PERDURE_CHECK(!entries_.empty() || !levels_.empty());
    if (!entries_.empty()) PERDURE_TRY(flush_entries());
    for (std::size_t level = 0;; ++level) {
        const bool top =
            std::all_of(levels_.begin() + static_cast<std::ptrdiff_t>(level) + 1, levels_.end(),
                        [](const Level& l) { return l.children.empty(); });
        if (top && levels_[level].children.size() == 1) return levels_[level].children.front().page;
        PERDURE_TRY(flush_level(level));
    }
}

TreeCursor::TreeCursor(PageAddress root, PackRegistry& registry, LoadPage load)
    : root_(root), registry_(registry), load_(std::move(load)) {}

Result<void> TreeCursor::descend(PageAddress page, std::optional<std::string_view> to) {
    while (true) {
        const auto raw = PERDURE_TRY(load_(page));
        const PageKind kind = PERDURE_TRY(page_kind(*raw));
        if (kind == PageKind::Entries) {
            entries_ = PERDURE_TRY(decode_entries_page(*raw, registry_));
            page_ = page;
            at_ = 0;
            if (to)
                while (at_ < entries_.size() && path_less(entries_[at_].entry.path, *to)) ++at_;
            return {};
        }
        if (kind != PageKind::Inner || steps_.size() >= kMaxDepth)
            return corrupt("holds a wrong page");
        Step step{PERDURE_TRY(decode_inner_page(*raw, registry_)), 0};
        if (step.children.empty()) return corrupt("holds an empty page");
        if (to)
            while (step.next + 1 < step.children.size() &&
                   !path_less(*to, step.children[step.next + 1].first_path))
                ++step.next;
        page = step.children[step.next++].page;
        steps_.push_back(std::move(step));
    }
}

Result<std::optional<TreeEntry>> TreeCursor::next() {
    if (!started_) {
        started_ = true;
        PERDURE_TRY(descend(root_, std::nullopt));
    }
    while (at_ == entries_.size()) {
        while (!steps_.empty() && steps_.back().next == steps_.back().children.size())
            steps_.pop_back();
        if (steps_.empty()) return std::optional<TreeEntry>();
        Step& step = steps_.back();
        PERDURE_TRY(descend(step.children[step.next++].page, std::nullopt));
    }
    return std::optional<TreeEntry>(std::move(entries_[at_++]));
}

Result<void> TreeCursor::seek(std::string_view path) {
    // Within the decoded page when it lies ahead there: the usual case of a walk that skips
    // subtrees.
    if (started_ && at_ < entries_.size() && !path_less(path, entries_[at_].entry.path) &&
        !path_less(entries_.back().entry.path, path)) {
        while (path_less(entries_[at_].entry.path, path)) ++at_;
        return {};
    }
    started_ = true;
    steps_.clear();
    return descend(root_, path);
}

Result<void> TreeCursor::read_runs(PageAddress page, int depth, Recipe& out,
                                   std::vector<PageAddress>* pages) {
    const auto raw = PERDURE_TRY(load_(page));
    if (pages != nullptr) pages->push_back(page);
    if (PERDURE_TRY(page_kind(*raw)) == PageKind::Runs) {
        const Recipe part = PERDURE_TRY(decode_runs_page(*raw, registry_));
        out.insert(out.end(), part.begin(), part.end());
        return {};
    }
    if (depth >= kMaxDepth) return corrupt("run pages are nested too deep");
    for (const RunsChild& child : PERDURE_TRY(decode_runs_inner_page(*raw, registry_)))
        PERDURE_TRY(read_runs(child.page, depth + 1, out, pages));
    return {};
}

Result<KeptEntry> TreeCursor::keep(TreeEntry entry) {
    KeptEntry kept{std::move(entry), origin(), {}, {}};
    for (const OutlinedXattr& outlined : kept.entry.outlined_xattrs)
        kept.pages.push_back(outlined.page);
    if (!kept.entry.outlined_recipe) return kept;
    PERDURE_TRY(read_runs(kept.entry.recipe_page, 0, kept.outlined_runs, &kept.pages));
    if (length_of(kept.outlined_runs) != kept.entry.entry.size)
        return corrupt("a recipe does not add up to its file's size");
    return kept;
}

Result<void> TreeCursor::complete(TreeEntry& e) {
    for (const OutlinedXattr& outlined : e.outlined_xattrs) {
        if (outlined.xattr >= e.entry.xattrs.size()) return corrupt("an attribute is damaged");
        const auto raw = PERDURE_TRY(load_(outlined.page));
        e.entry.xattrs[outlined.xattr].value = as_text(PERDURE_TRY(decode_bytes_page(*raw)));
    }
    e.outlined_xattrs.clear();
    if (!e.outlined_recipe) return {};
    e.recipe.clear();
    PERDURE_TRY(read_runs(e.recipe_page, 0, e.recipe, nullptr));
    if (length_of(e.recipe) != e.entry.size)
        return corrupt("a recipe does not add up to its file's size");
    e.outlined_recipe = false;
    e.recipe_page = {};
    return {};
}

namespace {

class TreeWalk {
public:
    TreeWalk(PackRegistry& registry, const LoadPage& load, const TreeVisitor& visitor)
        : registry_(registry), load_(load), visitor_(visitor) {}

    Result<void> tree(PageAddress page, int depth) {
        const auto raw = PERDURE_TRY(see(page, depth));
        const PageKind kind = PERDURE_TRY(page_kind(*raw));
        if (kind == PageKind::Inner) {
            for (const InnerChild& child : PERDURE_TRY(decode_inner_page(*raw, registry_)))
                PERDURE_TRY(tree(child.page, depth + 1));
            return {};
        }
        if (kind != PageKind::Entries) return corrupt("holds a wrong page");
        for (const TreeEntry& e : PERDURE_TRY(decode_entries_page(*raw, registry_))) {
            for (const auto& outlined : e.outlined_xattrs) PERDURE_TRY(see(outlined.page, depth));
            Recipe recipe = e.recipe;
            if (e.outlined_recipe) PERDURE_TRY(runs(e.recipe_page, depth + 1, recipe));
            PERDURE_TRY(visitor_.entry(e, recipe));
        }
        return {};
    }

private:
    Result<std::shared_ptr<const Buffer>> see(PageAddress page, int depth) {
        if (depth > 2 * kMaxDepth) return corrupt("pages are nested too deep");
        PERDURE_TRY(visitor_.page(page));
        return load_(page);
    }
    Result<void> runs(PageAddress page, int depth, Recipe& out) {
        const auto raw = PERDURE_TRY(see(page, depth));
        if (PERDURE_TRY(page_kind(*raw)) == PageKind::Runs) {
            const Recipe part = PERDURE_TRY(decode_runs_page(*raw, registry_));
            out.insert(out.end(), part.begin(), part.end());
            return {};
        }
        for (const RunsChild& child : PERDURE_TRY(decode_runs_inner_page(*raw, registry_)))
            PERDURE_TRY(runs(child.page, depth + 1, out));
        return {};
    }

    PackRegistry& registry_;
    const LoadPage& load_;
    const TreeVisitor& visitor_;
};

}  // namespace

Result<void> visit_tree(PageAddress root, PackRegistry& registry, const LoadPage& load,
                        const TreeVisitor& visitor) {
    return TreeWalk(registry, load, visitor).tree(root, 0);
}

}  // namespace perdure
