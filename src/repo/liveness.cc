#include "repo/liveness.h"

#include "base/try.h"

namespace perdure {

Result<LivenessMarks> load_liveness(const Repository& repository, const Point& point,
                                    PackRegistry& registry, std::stop_token stop) {
    LivenessMarks marks;
    SessionName session = point.session();
    std::optional<Digest> digest = point.header.index;
    for (std::uint32_t depth = 0; digest && depth <= kMaxLivenessDepth; ++depth) {
        const auto index = PERDURE_TRY(repository.load_index(session, digest, stop));
        if (!index->liveness) break;
        for (const auto& pack : index->liveness->packs)
            marks.mark(registry.number_of(pack.pack), pack.blocks);
        if (!index->liveness->base) return marks;
        session = index->liveness->base->session;
        digest = index->liveness->base->digest;
    }
    return Error(ErrorKind::Corrupt,
                 names::index(point.session()).text() + ": has no whole liveness summary");
}

}  // namespace perdure
