#include "repo/merges.h"

#include "base/in_order.h"
#include "base/try.h"
#include "repo/proto_io.h"
#include "repo/repository.h"

namespace perdure {

namespace {

// Records that a new machine, or a collector, reads all of.
constexpr std::string_view kMerged[] = {"log/", "points/", "fate/",  "index/",
                                        "gc/",  "closed/", "ledger/"};
// Of merges in memory while they are read.
constexpr std::uint64_t kMostReadAhead = 32U << 20;

std::uint64_t bytes_of(const std::vector<ListedObject>& objects) {
    std::uint64_t bytes = 0;
    for (const ListedObject& object : objects) bytes += object.stat.size;
    return bytes;
}

std::uint64_t next_number(const std::vector<ListedObject>& merges) {
    std::uint64_t next = 1;
    for (const ListedObject& merge : merges)
        if (const auto m = names::parse_merged(merge.name.text())) next = std::max(next, *m + 1);
    return next;
}

Result<std::vector<ListedObject>> records_of(Store& store, const MergeRules& rules,
                                             std::stop_token stop) {
    std::vector<ListedObject> records;
    for (const std::string_view prefix : kMerged)
        for (ListedObject& object : PERDURE_TRY(list_objects(store, prefix, stop)))
            if (object.stat.size <= rules.most_record) records.push_back(std::move(object));
    return records;
}

/// Fills merges one after the other.
class MergeWriter {
public:
    MergeWriter(const Maintainer& maintainer, const MergeRules& rules, std::uint64_t next,
                std::stop_token stop)
        : maintainer_(maintainer), rules_(rules), next_(next), stop_(std::move(stop)) {}

    Result<void> add(const ListedObject& listed, ByteView object) {
        auto* record = merged_.add_records();
        record->set_name(listed.name.text());
        record->set_modified(static_cast<std::uint64_t>(listed.stat.modified_ns));
        record->set_object(to_proto(object));
        ++result_.records;
        bytes_ += object.size() + listed.name.text().size();
        return bytes_ < rules_.most_bytes ? Result<void>() : finish();
    }
    Result<void> finish() {
        if (merged_.records_size() == 0) return {};
        for (;; ++next_) {
            merged_.set_number(next_);
            const ObjectName name = names::merged(next_);
            const auto created = maintainer_.repository().store().create(
                name, maintainer_.seal(ObjectType::Merged, name, encode(merged_)), stop_);
            if (!created && created.error().kind() == ErrorKind::AlreadyExists) continue;
            PERDURE_TRY(Result<void>(created));
            break;
        }
        ++next_;
        ++result_.merges;
        merged_.Clear();
        bytes_ = 0;
        return {};
    }
    MergeResult result() const { return result_; }

private:
    const Maintainer& maintainer_;
    const MergeRules& rules_;
    std::uint64_t next_;
    const std::stop_token stop_;
    v1::Merged merged_;
    std::uint64_t bytes_ = 0;
    MergeResult result_;
};

Result<v1::Merged> open_merge(const Repository& repository, std::uint64_t m, ByteView object) {
    const ObjectName name = names::merged(m);
    const auto opened =
        PERDURE_TRY(repository.open_by_maintainer(ObjectType::Merged, name, object));
    auto merged = PERDURE_TRY(decode<v1::Merged>(opened.body, "merge"));
    if (merged.number() != m) return Error(ErrorKind::Corrupt, "is another merge's record");
    return merged;
}

}  // namespace

Result<MergeResult> write_merges(const Maintainer& maintainer, const MergeRules& rules,
                                 std::stop_token stop) {
    const Repository& repository = maintainer.repository();
    Store& store = repository.store();
    if (store.properties().connections <= 2) return MergeResult();
    const auto before = PERDURE_TRY(list_objects(store, "merged/", stop));
    const auto records = PERDURE_TRY(records_of(store, rules, stop));
    const std::uint64_t merged = bytes_of(before), all = bytes_of(records);
    const auto share = static_cast<std::uint64_t>(rules.least_share * static_cast<double>(merged));
    if (all < merged + std::max(rules.least_growth, share) || all > rules.most_in_all)
        return MergeResult();
    MergeWriter writer(maintainer, rules, next_number(before), stop);
    const InOrder order = order_records(store, records.size());
    PERDURE_TRY(make_in_order<Result<Buffer>>(
        order,
        [&](std::size_t i, std::stop_token by) -> Result<Result<Buffer>> {
            return repository.load_record(records[i], std::move(by));
        },
        [&](std::size_t i, const Result<Buffer>& object) -> Result<void> {
            const bool gone = !object && object.error().kind() == ErrorKind::NotFound;
            if (gone) return {};
            if (!object) return object.error();
            return object->size() == records[i].stat.size ? writer.add(records[i], *object)
                                                          : Result<void>();
        },
        stop));
    PERDURE_TRY(writer.finish());
    MergeResult result = writer.result();
    for (const ListedObject& old : before) {
        PERDURE_TRY(store.remove(old.name, stop));
        ++result.removed;
    }
    return result;
}

Result<std::size_t> read_merges(const Repository& repository, RecordCache& records,
                                std::stop_token stop) {
    std::vector<std::pair<std::uint64_t, ListedObject>> merges;
    for (ListedObject& object : PERDURE_TRY(list_objects(repository.store(), "merged/", stop)))
        if (const auto m = names::parse_merged(object.name.text()))
            merges.emplace_back(*m, std::move(object));
    std::size_t read = 0;
    InOrder order;
    order.count = merges.size();
    order.threads =
        std::min<std::size_t>(repository.store().properties().connections, merges.size());
    order.weight = [&](std::size_t i) { return merges[i].second.stat.size; };
    order.most_weight = kMostReadAhead;
    using Opened = std::optional<v1::Merged>;
    PERDURE_TRY(make_in_order<Opened>(
        order,
        [&](std::size_t i, std::stop_token by) -> Result<Opened> {
            const auto object =
                repository.store().load(merges[i].second.name, ByteRange::all(), std::move(by));
            if (!object && object.error().kind() == ErrorKind::Cancelled) return object.error();
            if (!object) return Opened();
            auto opened = open_merge(repository, merges[i].first, *object);
            return opened ? Opened(*std::move(opened)) : Opened();
        },
        [&](std::size_t, const Opened& merge) -> Result<void> {
            if (!merge) return {};
            for (const auto& record : merge->records()) {
                auto name = ObjectName::parse(record.name());
                if (!name) continue;
                const ListedObject listed{
                    *std::move(name),
                    {record.object().size(), static_cast<std::int64_t>(record.modified())}};
                records.note(listed, as_bytes(record.object()));
                ++read;
            }
            return {};
        },
        stop));
    return read;
}

}  // namespace perdure
