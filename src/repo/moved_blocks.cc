#include "repo/moved_blocks.h"

#include <algorithm>

#include "base/in_order.h"
#include "base/try.h"

namespace perdure {

namespace {

bool ends_reading(const Error& error) {
    return error.kind() == ErrorKind::Cancelled || error.kind() == ErrorKind::Unavailable ||
           error.kind() == ErrorKind::Timeout;
}

}  // namespace

Result<std::shared_ptr<const MovedBlocks>> MovedBlocks::load(const Repository& repository,
                                                             std::stop_token stop) {
    auto moved = std::make_shared<MovedBlocks>();
    const EnrolmentList enrolled = PERDURE_TRY(repository.enrolments(stop));
    for (const auto& [writer, enrolment] : enrolled.by_number)
        if (enrolment.kind == EnrolmentKind::Certificate &&
            enrolment.certificate.role == Role::Maintainer)
            PERDURE_TRY(moved->take_ends_of(repository, writer, stop));
    moved->sort();
    return std::shared_ptr<const MovedBlocks>(std::move(moved));
}

Result<void> MovedBlocks::take_ends_of(const Repository& repository, WriterNumber writer,
                                       std::stop_token stop) {
    std::vector<SessionDigest> indexes;
    std::vector<Problem> problems;  // `check` tells of them
    for (const auto& end : PERDURE_TRY(repository.load_points(writer, problems, stop)))
        if (end.point && end.point->header.index)
            indexes.push_back({end.session, *end.point->header.index});
    const InOrder order = order_records(repository.store(), indexes.size());
    using Read = Result<std::shared_ptr<const Index>>;
    return make_in_order<Read>(
        order,
        [&](std::size_t i, std::stop_token by) -> Result<Read> {
            return repository.load_index(indexes[i].session, indexes[i].digest, std::move(by),
                                         IndexParts::WithoutLiveness);
        },
        [&](std::size_t, const Read& index) -> Result<void> {
            if (!index && ends_reading(index.error())) return index.error();
            if (index) take(**index);
            return {};
        },
        stop);
}

void MovedBlocks::take(const Index& index) {
    for (const PackTable& table : index.packs) {
        const auto holder = static_cast<std::uint32_t>(holders_.size());
        bool any = false;
        for (std::uint32_t entry = 0; entry < table.slots.size(); ++entry) {
            if (table.slots[entry].birth.pack == table.pack) continue;
            moved_.push_back({table.slots[entry].birth, holder, entry});
            any = true;
        }
        if (any)
            holders_.push_back(
                {index.session, std::make_shared<const PackTable>(table), index.sealed_secret});
    }
}

void MovedBlocks::sort() {
    std::sort(moved_.begin(), moved_.end(),
              [](const Moved& a, const Moved& b) { return a.block < b.block; });
}

std::vector<MovedBlocks::Moved>::const_iterator MovedBlocks::first_of(
    const BirthAddress& block) const {
    return std::lower_bound(moved_.begin(), moved_.end(), block,
                            [](const Moved& a, const BirthAddress& b) { return a.block < b; });
}

std::vector<MovedBlock> MovedBlocks::places_of(const BirthAddress& block) const {
    std::vector<MovedBlock> places;
    for (auto at = first_of(block); at != moved_.end() && at->block == block; ++at)
        places.push_back({holders_[at->holder].table, at->entry});
    return places;
}

bool MovedBlocks::holds_any_of(const BirthPack& pack) const {
    const auto at = first_of({pack, 0});
    return at != moved_.end() && at->block.pack == pack;
}

}  // namespace perdure
