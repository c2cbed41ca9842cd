#include "repo/obeyed_lists.h"

#include "base/in_order.h"
#include "base/try.h"

namespace perdure {

namespace {

template <class F>
void for_each_condemned(const CondemnedList& list, F&& f) {
    for (const BirthPack& pack : list.packs) f(pack);
    for (const BirthPack& pack : list.part_packs) f(pack);
}

}  // namespace

Result<void> ObeyedLists::note_list(const Repository& repository, std::uint64_t k,
                                    ByteView object) {
    if (lists_.contains(k)) return {};
    const ObjectName name = names::condemned_list(k);
    const auto opened =
        PERDURE_TRY(repository.open_by_maintainer(ObjectType::CondemnedList, name, object));
    CondemnedList list = PERDURE_TRY(decode_condemned_list(opened.body).context(name.text()));
    if (list.number != k)
        return Error(ErrorKind::Corrupt, name.text() + ": is another list's record");
    for_each_condemned(list, [&](const BirthPack& pack) { ++standing_[pack]; });
    lists_.emplace(k, ObeyedList{std::move(list), digest_of(object), std::nullopt});
    return {};
}

Result<void> ObeyedLists::note_verdict(const Repository& repository, std::uint64_t k,
                                       ByteView object) {
    const ObjectName name = names::verdict(k);
    const auto at = lists_.find(k);
    PERDURE_CHECK(at != lists_.end());
    if (at->second.verdict) return {};
    const auto opened =
        PERDURE_TRY(repository.open_by_maintainer(ObjectType::Verdict, name, object));
    CollectionVerdict verdict = PERDURE_TRY(decode_verdict(opened.body).context(name.text()));
    if (verdict.number != k || verdict.list != at->second.digest)
        return Error(ErrorKind::Corrupt, name.text() + ": is about another list than the one here");
    for_each_condemned(at->second.list, [&](const BirthPack& pack) {
        const auto standing = standing_.find(pack);
        if (--standing->second == 0) standing_.erase(standing);
    });
    dropped_.insert(verdict.dropped.begin(), verdict.dropped.end());
    at->second.verdict = std::move(verdict);
    return {};
}

Result<void> ObeyedLists::note_listed(const Repository& repository,
                                      const std::vector<ListedObject>& found,
                                      std::stop_token stop) {
    const InOrder order = order_records(repository.store(), found.size());
    return make_in_order<Result<Buffer>>(
        order,
        [&](std::size_t i, std::stop_token by) -> Result<Result<Buffer>> {
            return repository.load_record(found[i], std::move(by));
        },
        [&](std::size_t i, const Result<Buffer>& object) -> Result<void> {
            if (!object && object.error().kind() == ErrorKind::Cancelled) return object.error();
            const ObjectName& name = found[i].name;
            const auto k = names::parse_collection(name.text());
            if (!object || !k) return {};
            const bool is_list = name == names::condemned_list(*k);
            if (!is_list && !lists_.contains(*k)) return {};
            const auto noted = is_list ? note_list(repository, *k, *object)
                                       : note_verdict(repository, *k, *object);
            static_cast<void>(noted.has_value());
            return {};
        },
        std::move(stop));
}

Result<ObeyedLists> ObeyedLists::load_all(const Repository& repository, std::stop_token stop) {
    ObeyedLists all;
    const auto found =
        PERDURE_TRY(list_objects(repository.store(), "gc/", stop));  // a list before its verdict
    PERDURE_TRY(all.note_listed(repository, found, std::move(stop)));
    return all;
}

bool ObeyedLists::blocks(const BirthPack& pack) const {
    return standing_.contains(pack) || dropped_.contains(pack);
}

const ObeyedList* ObeyedLists::find(std::uint64_t k) const {
    const auto at = lists_.find(k);
    return at == lists_.end() ? nullptr : &at->second;
}

}  // namespace perdure
