#include "engine/tree_inspector.h"

#include "base/try.h"

namespace perdure {

namespace {

constexpr std::size_t kMostKnownBytes = 96U << 20;
constexpr int kMaxDepth = 32;  // FORMAT.md: a reader stops at 16, for trees and for recipes each

std::uint64_t key_of(PageAddress page) {
    return static_cast<std::uint64_t>(number(page.pack)) << 32 | page.slot;
}

std::string absolute(const Root& root, const std::string& path) {
    if (path.empty()) return root.name;
    return root.name + (root.name.ends_with('/') ? "" : "/") + path;
}

/// What a restore would refuse to make.
bool has_unclean_path(const std::vector<TreeEntry>& entries) {
    for (std::size_t i = 0; i < entries.size(); ++i) {
        const std::string& path = entries[i].entry.path;
        if (!path.empty() && !is_clean_path(path)) return true;
        if (i > 0 && !path_less(entries[i - 1].entry.path, path)) return true;
    }
    return false;
}

}  // namespace

// ------------------------------------------------------------------------------------ what a page
// needs

void TreeInspector::check_exists(PackNumber pack, std::uint32_t slot) {
    const auto& packs = state_.inventory.packs;
    const bool listed = number(pack) < packs.size() && packs[number(pack)].listed;
    if (!listed && state_.lies_elsewhere(state_.registry.address(pack, slot))) return;
    if (!listed)
        state_.damage(pack, slot, 1, "missing", "is missing, and no index names it");
    else if (packs[number(pack)].named && slot >= packs[number(pack)].slots)
        state_.damage(pack, slot, 1, "damaged", "does not hold all blocks that files need of it");
}

void TreeInspector::note_runs(const Recipe& recipe, Facts& facts) {
    for (const Run& run : recipe) {
        if (run.is_hole()) continue;
        if (!facts.blocks.empty()) {
            Blocks& last = facts.blocks.back();
            if (last.pack == run.pack && run.slot >= last.first &&
                run.slot < last.first + last.count)
                continue;
            if (last.pack == run.pack && run.slot == last.first + last.count) {
                ++last.count;
                check_exists(run.pack, run.slot);
                continue;
            }
        }
        facts.blocks.push_back({run.pack, run.slot, 1});
        check_exists(run.pack, run.slot);
    }
}

Result<void> TreeInspector::read_tree_page(ByteView raw, PageAddress page, Facts& facts) {
    if (PERDURE_TRY(page_kind(raw)) == PageKind::Inner) {
        for (const InnerChild& child : PERDURE_TRY(decode_inner_page(raw, state_.registry)))
            facts.children.push_back({child.page, Role::Tree});
        return {};
    }
    const auto entries = PERDURE_TRY(decode_entries_page(raw, state_.registry));
    state_.result.entries += entries.size();
    for (const TreeEntry& e : entries) {
        for (const OutlinedXattr& x : e.outlined_xattrs)
            facts.children.push_back({x.page, Role::Bytes});
        if (e.outlined_recipe) facts.children.push_back({e.recipe_page, Role::Runs});
        note_runs(e.recipe, facts);
    }
    if (has_unclean_path(entries))
        state_.lose(page.pack, page.slot, "damaged", "a page holds paths that no backup makes");
    return {};
}

Result<void> TreeInspector::read_run_page(ByteView raw, Facts& facts) {
    if (PERDURE_TRY(page_kind(raw)) == PageKind::Runs) {
        note_runs(PERDURE_TRY(decode_runs_page(raw, state_.registry)), facts);
        return {};
    }
    for (const RunsChild& child : PERDURE_TRY(decode_runs_inner_page(raw, state_.registry)))
        facts.children.push_back({child.page, Role::Runs});
    return {};
}

Result<void> TreeInspector::read_facts(const Child& child, Facts& facts) {
    const auto raw = PERDURE_TRY(state_.pages.read(child.page.pack, child.page.slot, state_.stop));
    switch (child.role) {
        case Role::Tree: return read_tree_page(*raw, child.page, facts);
        case Role::Runs: return read_run_page(*raw, facts);
        case Role::Bytes: break;
    }
    PERDURE_TRY(decode_bytes_page(*raw));
    return {};
}

Result<TreeInspector::SharedFacts> TreeInspector::facts_of(const Child& child) {
    // A page is of one kind, so one seen in two roles fails in one of them: roles have keys of
    // their own.
    const std::uint64_t key = key_of(child.page) * 3 + static_cast<std::uint64_t>(child.role);
    if (const auto at = known_.find(key); at != known_.end()) return at->second;
    auto facts = std::make_shared<Facts>();
    const auto read = read_facts(child, *facts);
    if (!read && ends_check(read.error())) return read.error();
    if (!read) {
        facts->bad = true;
        state_.lose(child.page.pack, child.page.slot, finding_kind(read.error()),
                    read.error().describe());
    }
    ++state_.result.pages;
    const std::size_t bytes = sizeof(Facts) + 64 + facts->children.capacity() * sizeof(Child) +
                              facts->blocks.capacity() * sizeof(Blocks);
    if (known_bytes_ + bytes <= kMostKnownBytes) {
        known_bytes_ += bytes;
        known_.emplace(key, facts);
    }
    return SharedFacts(std::move(facts));
}

Result<void> TreeInspector::mark(const Child& child, LivenessMarks& marks, int depth) {
    if (state_.stop.stop_requested()) return Error(ErrorKind::Cancelled, "interrupted");
    marks.mark(child.page.pack, child.page.slot);
    const SharedFacts facts = PERDURE_TRY(facts_of(child));
    for (const Blocks& blocks : facts->blocks)
        for (std::uint32_t i = 0; i < blocks.count; ++i) marks.mark(blocks.pack, blocks.first + i);
    if (depth >= kMaxDepth && !facts->children.empty()) {
        state_.lose(child.page.pack, child.page.slot, "damaged", "pages are nested too deep");
        return {};
    }
    for (const Child& below : facts->children) PERDURE_TRY(mark(below, marks, depth + 1));
    return {};
}

Result<void> TreeInspector::mark(const BirthAddress& root, LivenessMarks& marks) {
    return mark({{state_.registry.number_of(root.pack), root.slot}, Role::Tree}, marks, 0);
}

// ------------------------------------------------------------------------------------ whom damage
// hurts

Result<bool> TreeInspector::touches(const Child& child, int depth) {
    if (state_.damaged().contains(child.page.pack, child.page.slot)) return true;
    if (depth >= kMaxDepth) return false;
    const std::uint64_t key = key_of(child.page);
    if (const auto at = touches_.find(key); at != touches_.end()) return at->second;
    const SharedFacts facts = PERDURE_TRY(facts_of(child));
    bool hit = facts->bad;
    for (const Blocks& blocks : facts->blocks)
        for (std::uint32_t i = 0; !hit && i < blocks.count; ++i)
            hit = state_.damaged().contains(blocks.pack, blocks.first + i);
    for (std::size_t i = 0; !hit && i < facts->children.size(); ++i)
        hit = PERDURE_TRY(touches(facts->children[i], depth + 1));
    touches_.emplace(key, hit);
    return hit;
}

void TreeInspector::add_findings(PackNumber pack, std::set<int>& findings) const {
    const auto& of_pack = state_.findings_of(pack);
    findings.insert(of_pack.begin(), of_pack.end());
}

Result<void> TreeInspector::collect(const Child& child, std::set<int>& findings, int depth) {
    if (!PERDURE_TRY(touches(child, depth))) return {};
    if (state_.damaged().contains(child.page.pack, child.page.slot))
        add_findings(child.page.pack, findings);
    const SharedFacts facts = PERDURE_TRY(facts_of(child));
    for (const Blocks& blocks : facts->blocks)
        for (std::uint32_t i = 0; i < blocks.count; ++i)
            if (state_.damaged().contains(blocks.pack, blocks.first + i))
                add_findings(blocks.pack, findings);
    if (depth >= kMaxDepth) return {};
    for (const Child& below : facts->children) PERDURE_TRY(collect(below, findings, depth + 1));
    return {};
}

void TreeInspector::add_path(const Root& root, const std::set<int>& findings,
                             const std::string& path) {
    for (const int at : findings) {
        CheckFinding& finding = state_.result.findings[static_cast<std::size_t>(at)];
        ++finding.paths_in_all;
        if (paths_ >= state_.options.most_paths) continue;
        ++paths_;
        finding.paths.push_back(absolute(root, path));
    }
}

Result<void> TreeInspector::look_at_entry(const Root& root, const TreeEntry& entry) {
    std::set<int> findings;
    for (const Run& run : entry.recipe)
        if (!run.is_hole() && state_.damaged().contains(run.pack, run.slot))
            add_findings(run.pack, findings);
    for (const OutlinedXattr& x : entry.outlined_xattrs)
        PERDURE_TRY(collect({x.page, Role::Bytes}, findings, 0));
    if (entry.outlined_recipe) PERDURE_TRY(collect({entry.recipe_page, Role::Runs}, findings, 0));
    add_path(root, findings, entry.entry.path);
    return {};
}

Result<void> TreeInspector::look_into(const Root& root, PageAddress page, const Range& range,
                                      int depth) {
    const Child child{page, Role::Tree};
    if (!PERDURE_TRY(touches(child, depth))) return {};
    const SharedFacts facts = PERDURE_TRY(facts_of(child));
    if (state_.damaged().contains(page.pack, page.slot)) {
        for (const int at : state_.findings_of(page.pack))
            state_.result.findings[static_cast<std::size_t>(at)].ranges.push_back(
                {absolute(root, range.from),
                 range.before ? std::optional(absolute(root, *range.before)) : std::nullopt});
    }
    if (facts->bad || depth >= kMaxDepth || !looked_into_.insert(key_of(page)).second) return {};
    const auto raw = PERDURE_TRY(state_.pages.read(page.pack, page.slot, state_.stop));
    if (PERDURE_TRY(page_kind(*raw)) == PageKind::Entries) {
        for (const TreeEntry& e : PERDURE_TRY(decode_entries_page(*raw, state_.registry)))
            PERDURE_TRY(look_at_entry(root, e));
        return {};
    }
    const auto children = PERDURE_TRY(decode_inner_page(*raw, state_.registry));
    for (std::size_t i = 0; i < children.size(); ++i) {
        const auto before =
            i + 1 < children.size() ? std::optional(children[i + 1].first_path) : range.before;
        PERDURE_TRY(look_into(root, children[i].page, {children[i].first_path, before}, depth + 1));
    }
    return {};
}

Result<void> TreeInspector::find_paths(const Root& root) {
    const PageAddress page{state_.registry.number_of(root.page.pack), root.page.slot};
    return look_into(root, page, {"", std::nullopt}, 0);
}

}  // namespace perdure
