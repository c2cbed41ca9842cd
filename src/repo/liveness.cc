#include "repo/liveness.h"

#include "base/try.h"

namespace perdure {

Result<void> mark_summary(const Repository& repository, const Index& index, PackRegistry& registry,
                          LivenessMarks& marks, JoinedSummaries* joined, std::stop_token stop) {
    const Index* at = &index;
    std::shared_ptr<const Index> base;  // keeps *at
    std::vector<SessionDigest> below;
    for (std::uint32_t depth = 0; depth <= kMaxLivenessDepth; ++depth) {
        if (!at->liveness)
            return Error(ErrorKind::Corrupt,
                         names::index(at->session).text() + ": holds no liveness summary");
        for (const auto& pack : at->liveness->packs)
            marks.mark(registry.number_of(pack.pack), pack.blocks);
        const bool is_last = !at->liveness->base ||
                             (joined != nullptr && joined->whole.contains(*at->liveness->base));
        if (at->liveness->base) below.push_back(*at->liveness->base);
        if (is_last) {
            if (joined != nullptr)
                for (const SessionDigest& b : below) {
                    joined->bases.insert(b.session);
                    joined->whole.insert(b);
                }
            return {};
        }
        base = PERDURE_TRY(repository.load_index(below.back().session, below.back().digest, stop)
                               .context(names::index(index.session).text() + " builds on it"));
        at = base.get();
    }
    return Error(ErrorKind::Corrupt,
                 names::index(index.session).text() + ": its liveness summary builds on too many");
}

Result<LivenessMarks> load_liveness(const Repository& repository, const Point& point,
                                    PackRegistry& registry, std::stop_token stop) {
    if (!point.header.index)
        return Error(ErrorKind::Corrupt, names::point(point.session()).text() + ": binds no index");
    const auto index =
        PERDURE_TRY(repository.load_index(point.session(), point.header.index, stop));
    LivenessMarks marks;
    PERDURE_TRY(mark_summary(repository, *index, registry, marks, nullptr, stop));
    return marks;
}

}  // namespace perdure
