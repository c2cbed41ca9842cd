// Points as a whole: their bodies and trees, the liveness summaries beside them, and which of them
// damage reaches.

#include <algorithm>

#include "base/try.h"
#include "engine/check_state.h"
#include "engine/tree_inspector.h"
#include "repo/liveness.h"

namespace perdure {

namespace {

using Bitmap = std::vector<std::uint64_t>;

/// What the summary of an index names, with those it builds on. Nothing if one of these is gone.
Result<std::optional<LivenessMarks>> summary_of(CheckState& state, const Point& point) {
    LivenessMarks marks;
    const auto index = state.repository.load_index(point.session(), point.header.index, state.stop);
    const auto marked =
        index ? mark_summary(state.repository, **index, state.registry, marks, nullptr, state.stop)
              : Result<void>(index.error());
    if (!marked && ends_check(marked.error())) return marked.error();
    return marked ? std::optional(std::move(marks)) : std::nullopt;
}

template <class F>
void for_each_shared_bit(const LivenessMarks& a, const LivenessMarks& b, bool inverted, F&& f) {
    static const Bitmap none;
    for (std::uint32_t pack = 0; pack < a.bitmaps().size(); ++pack) {
        const Bitmap& left = a.bitmaps()[pack];
        const Bitmap& right = pack < b.bitmaps().size() ? b.bitmaps()[pack] : none;
        for (std::size_t i = 0; i < left.size(); ++i) {
            const std::uint64_t other = i < right.size() ? right[i] : 0;
            if ((left[i] & (inverted ? ~other : other)) != 0)
                f(PackNumber{pack}, left[i] & (inverted ? ~other : other));
        }
    }
}

void compare_liveness(CheckState& state, const Point& point, const LivenessMarks& truth,
                      const std::optional<LivenessMarks>& summary) {
    std::uint64_t missing = 0;
    if (summary)
        for_each_shared_bit(truth, *summary, true, [&](PackNumber, std::uint64_t bits) {
            missing += static_cast<std::uint64_t>(__builtin_popcountll(bits));
        });
    if (summary && missing == 0) return;
    auto& finding = state.add(names::index(point.session()).text(), "liveness",
                              summary ? "its liveness summary leaves out " +
                                            std::to_string(missing) + " blocks that its point needs"
                                      : "its liveness summary cannot be read");
    finding.points.push_back(point.session());
}

Result<bool> mark_listed(CheckState&, TreeInspector&, const Point& copy, LivenessMarks&);

/// Everything the point's trees need; pages that cannot be read become damage. False if its body
/// cannot.
Result<bool> mark_point(CheckState& state, TreeInspector& inspector, const Point& point,
                        LivenessMarks& marks) {
    if (lists_points_only(point.header)) return mark_listed(state, inspector, point, marks);
    if (!point.header.body) return true;
    const auto body = state.repository.load_body(point, state.stop);
    if (!body && ends_check(body.error())) return body.error();
    if (!body) return false;
    for (const Root& root : body->roots) PERDURE_TRY(inspector.mark(root.page, marks));
    return true;
}

/// What it lists lies here as it is, and has findings of its own where it is hurt.
Result<bool> mark_listed(CheckState& state, TreeInspector& inspector, const Point& copy,
                         LivenessMarks& marks) {
    for (const SessionDigest& copied : copy.header.copied) {
        const auto original = state.repository.load_point(copied.session, state.stop);
        if (!original && ends_check(original.error())) return original.error();
        if (!original || original->digest != copied.digest) continue;
        PERDURE_TRY(mark_point(state, inspector, *original, marks));
    }
    return true;
}

void join(LivenessMarks& into, const LivenessMarks& marks) {
    for (std::uint32_t pack = 0; pack < marks.bitmaps().size(); ++pack)
        for (std::uint32_t i = 0; i < marks.bitmaps()[pack].size() * 64; ++i)
            if (marks.contains(PackNumber{pack}, i)) into.mark(PackNumber{pack}, i);
}

Result<void> check_point(CheckState& state, TreeInspector& inspector, CheckedEnd& end) {
    const Point& point = end.point;
    std::optional<LivenessMarks> summary;
    if (end.index_good) summary = PERDURE_TRY(summary_of(state, point));
    LivenessMarks truth;
    if (state.repository.is_owner()) {
        const bool readable = PERDURE_TRY(mark_point(state, inspector, point, truth));
        if (!readable) {
            auto& finding = state.add(names::point(point.session()).text(), "damaged",
                                      "its body does not open");
            finding.points.push_back(point.session());
        }
        if (end.index_good) compare_liveness(state, point, truth, summary);
    }
    if (state.options.level != CheckLevel::Structure)
        end.packs = state.holders_of(state.repository.is_owner() || !summary ? truth : *summary);
    if (state.needed) {
        if (summary) join(*state.needed, *summary);
        join(*state.needed, truth);
    }
    return {};
}

}  // namespace

Result<void> check_trees(CheckState& state, TreeInspector& inspector) {
    if (!state.options.points.empty()) state.needed.emplace();
    for (CheckedEnd& end : state.ends)
        if (end.selected) PERDURE_TRY(check_point(state, inspector, end));
    return {};
}

namespace {

Result<void> find_affected_point(CheckState& state, TreeInspector& inspector,
                                 const CheckedEnd& end) {
    LivenessMarks marks;
    if (state.repository.is_owner()) {
        PERDURE_TRY(mark_point(state, inspector, end.point, marks));
    } else if (end.index_good) {
        if (auto summary = PERDURE_TRY(summary_of(state, end.point))) marks = std::move(*summary);
    }
    std::set<int> hurt;
    for_each_shared_bit(marks, state.damaged(), false, [&](PackNumber pack, std::uint64_t) {
        const auto& findings = state.findings_of(pack);
        hurt.insert(findings.begin(), findings.end());
    });
    for (const int at : hurt)
        state.result.findings[static_cast<std::size_t>(at)].points.push_back(end.point.session());
    if (hurt.empty() || !state.repository.is_owner() || !end.point.header.body) return {};
    const auto body = PERDURE_TRY(state.repository.load_body(end.point, state.stop));
    for (const Root& root : body.roots) PERDURE_TRY(inspector.find_paths(root));
    return {};
}

}  // namespace

Result<void> find_affected(CheckState& state, TreeInspector& inspector) {
    const auto& damaged = state.damaged().bitmaps();
    if (std::all_of(damaged.begin(), damaged.end(), [](const Bitmap& b) { return b.empty(); }))
        return {};
    for (const CheckedEnd& end : state.ends)
        if (end.selected) PERDURE_TRY(find_affected_point(state, inspector, end));
    return {};
}

void find_whole(CheckState& state) {
    const auto& lost = state.damaged().bitmaps();
    for (std::uint32_t pack = 0; pack < lost.size(); ++pack) {
        if (lost[pack].empty()) continue;
        std::vector<std::uint32_t> slots;
        for (std::uint32_t slot = 0; slot < lost[pack].size() * 64; ++slot)
            if (state.damaged().contains(PackNumber{pack}, slot)) slots.push_back(slot);
        state.result.lost_blocks.emplace_back(state.registry.pack_of(PackNumber{pack}),
                                              std::move(slots));
    }
    std::set<SessionName> hurt;
    for (const CheckFinding& finding : state.result.findings)
        hurt.insert(finding.points.begin(), finding.points.end());
    auto& whole = state.result.whole_packs;
    std::sort(whole.begin(), whole.end());
    const auto is_whole = [&](const BirthPack& pack) {
        if (std::binary_search(whole.begin(), whole.end(), pack)) return true;
        return last_whole(state, pack) > 0;
    };
    for (const CheckedEnd& end : state.ends) {
        if (!end.selected || hurt.contains(end.point.session())) continue;
        bool all = true;
        for (std::uint32_t pack = 0; all && pack < end.packs.size(); ++pack)
            all = !end.packs[pack] || is_whole(state.registry.pack_of(PackNumber{pack}));
        if (all) state.result.whole_points.push_back({end.point.session(), end.point.digest});
    }
}

}  // namespace perdure
