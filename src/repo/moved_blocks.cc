#include "repo/moved_blocks.h"

#include <algorithm>

#include "base/try.h"

namespace perdure {

Result<std::shared_ptr<const MovedBlocks>> MovedBlocks::load(const Repository& repository,
                                                             std::stop_token stop) {
    auto moved = std::make_shared<MovedBlocks>();
    const EnrolmentList enrolled = PERDURE_TRY(repository.enrolments(stop));
    for (const auto& [writer, enrolment] : enrolled.by_number) {
        if (enrolment.kind != EnrolmentKind::Certificate ||
            enrolment.certificate.role != Role::Maintainer)
            continue;
        std::vector<SessionName> ended;
        PERDURE_TRY(repository.store().list(
            names::points_prefix(writer),
            [&](std::string_view name, const ObjectStat&) {
                if (const auto session = names::parse_point(name)) ended.push_back(*session);
                return true;
            },
            stop));
        for (const SessionName session : ended) {
            const auto point = repository.load_point(session, stop);
            if (!point || !point->header.index) continue;
            const auto index = repository.load_index(session, point->header.index, stop,
                                                     IndexParts::WithoutLiveness);
            if (!index && index.error().kind() == ErrorKind::Cancelled) return index.error();
            if (index) moved->take(**index);
        }
    }
    moved->sort();
    return std::shared_ptr<const MovedBlocks>(std::move(moved));
}

void MovedBlocks::take(const Index& index) {
    for (const PackTable& table : index.packs) {
        const auto holder = static_cast<std::uint32_t>(holders_.size());
        bool any = false;
        for (std::uint32_t slot = 0; slot < table.slots.size(); ++slot) {
            if (table.slots[slot].birth.pack == table.pack) continue;
            moved_.push_back({table.slots[slot].birth, holder, slot});
            any = true;
        }
        if (any) holders_.push_back({index.session, table});
    }
}

void MovedBlocks::sort() {
    std::sort(moved_.begin(), moved_.end(),
              [](const Moved& a, const Moved& b) { return a.block < b.block; });
}

std::vector<MovedBlocks::Place> MovedBlocks::places_of(const BirthAddress& block) const {
    std::vector<Place> places;
    auto at = std::lower_bound(moved_.begin(), moved_.end(), block,
                               [](const Moved& a, const BirthAddress& b) { return a.block < b; });
    for (; at != moved_.end() && at->block == block; ++at) {
        const PackTable& table = holders_[at->holder].table;
        places.push_back({&table, &table.slots[at->slot]});
    }
    return places;
}

}  // namespace perdure
