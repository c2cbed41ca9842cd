// What a collection reads before its machine asks for it, several objects at a time.
//
// Only what a listing shows is read here, and it is taken as the machine's own requests would take
// it; what is missing or damaged is left for those requests, which stop the collection by name.

#include "base/in_order.h"
#include "base/try.h"
#include "repo/collector_driver.h"

namespace perdure {

namespace {

// Of indexes as they are stored: in memory each takes several times that.
constexpr std::uint64_t kMostIndexBytes = 16U << 20;

struct ListedSession {
    SessionName session;
    ListedObject object;
};

bool is_interrupted(const Error& error) { return error.kind() == ErrorKind::Cancelled; }

}  // namespace

Result<void> CollectorDriver::read_ahead() {
    settled_ = PERDURE_TRY(SettledNumbers::load(repository_, std::nullopt, problems_, stop_));
    PERDURE_TRY(read_entries_ahead());
    PERDURE_TRY(read_ends_ahead());
    listed_indexes_.clear();
    for (ListedObject& object : PERDURE_TRY(list_objects(store(), "index/", stop_)))
        if (const auto session = names::parse_index(object.name.text()))
            listed_indexes_.emplace(*session, std::move(object));
    return tally_ahead();
}

/// Lists, and verdicts, which are final.
Result<void> CollectorDriver::read_lists_ahead() {
    std::vector<ListedObject> found = PERDURE_TRY(list_objects(store(), "gc/", stop_));
    std::erase_if(found, [&](const ListedObject& object) {
        const auto k = names::parse_collection(object.name.text());
        const ObeyedList* known = k ? lists_.find(*k) : nullptr;
        return !k || (known != nullptr &&
                      (object.name == names::condemned_list(*k) || known->verdict.has_value()));
    });
    PERDURE_TRY(repository_.remember_merged(found, stop_));
    return lists_.note_listed(repository_, found, stop_);
}

Result<void> CollectorDriver::read_entries_ahead() {
    std::vector<ListedSession> found;
    auto listed = PERDURE_TRY(list_objects(store(), "log/", stop_));
    PERDURE_TRY(repository_.remember_merged(listed, stop_));
    for (ListedObject& object : listed) {
        const auto session = names::parse_log_entry(object.name.text());
        if (!session) continue;
        std::uint64_t& last = last_listed_[session->writer];
        last = std::max(last, number(session->session));
        if (!entries_.contains(*session)) found.push_back({*session, std::move(object)});
    }
    const InOrder order = order_records(store(), found.size());
    return make_in_order<Result<Entry>>(
        order,
        [&](std::size_t i, std::stop_token stop) -> Result<Result<Entry>> {
            const auto read = [&](const Buffer& object) {
                return read_entry(found[i].session, object);
            };
            return repository_.read_record<Entry>(found[i].object, read, std::move(stop));
        },
        [&](std::size_t i, Result<Entry> entry) -> Result<void> {
            if (!entry && is_interrupted(entry.error())) return entry.error();
            if (entry) remember(found[i].session, *std::move(entry));
            return {};
        },
        stop_);
}

Result<void> CollectorDriver::read_ends_ahead() {
    std::vector<ListedSession> found;
    for (ListedObject& object : PERDURE_TRY(list_objects(store(), "points/", stop_))) {
        const auto session = names::parse_point(object.name.text());
        if (session && entries_.contains(*session) && !ends_.contains(*session))
            found.push_back({*session, std::move(object)});
    }
    const InOrder order = order_records(store(), found.size());
    return make_in_order<Result<End>>(
        order,
        [&](std::size_t i, std::stop_token stop) -> Result<Result<End>> {
            const auto read = [&](const Buffer& object) {
                return read_end(found[i].session, object);
            };
            return repository_.read_record<End>(found[i].object, read, std::move(stop));
        },
        [&](std::size_t i, Result<End> end) -> Result<void> {
            if (!end && is_interrupted(end.error())) return end.error();
            if (end) remember(found[i].session, *std::move(end));
            return {};
        },
        stop_);
}

/// Whether the machine's walk, in the pass it is in, comes by it.
bool CollectorDriver::may_tally_ahead(SessionName session) const {
    const auto last = last_counting(session.writer);
    if (last && session.session > *last) return false;
    const auto enrolled = enrolled_.by_number.find(session.writer);
    if (enrolled == enrolled_.by_number.end() ||
        enrolled->second.kind != EnrolmentKind::Certificate)
        return false;
    if (pass_ == protocol::Collector::Pass::FirstOr) return true;
    const auto barrier = barriers_.lower_bound(session);
    return barrier != barriers_.end() && barrier->writer == session.writer;
}

Result<void> CollectorDriver::tally_ahead() {
    struct Due {
        SessionName session;
        const ListedObject* object;
        bool protects, joins;
    };
    std::vector<Due> due;
    for (const auto& [session, end] : ends_) {
        const auto listed = listed_indexes_.find(session);
        if (!end.index || listed == listed_indexes_.end() || !may_tally_ahead(session)) continue;
        const bool protects = end.record.protects() && !is_expired(session);
        const bool joins = protects && end.record.kind != protocol::EndKind::Checkpoint;
        const bool is_known =
            indexed_.contains(session) && (!joins || protecting_.contains(session));
        if (!is_known) due.push_back({session, &listed->second, protects, joins});
    }
    InOrder order = order_records(store(), due.size());
    order.weight = [&](std::size_t i) { return due[i].object->stat.size; };
    order.most_weight = kMostIndexBytes;
    using Read = Result<std::shared_ptr<const Index>>;
    return make_in_order<Read>(
        order,
        [&](std::size_t i, std::stop_token stop) -> Result<Read> {
            const auto read = [&](const Buffer& object) {
                return repository_.read_index(
                    due[i].session, object, ends_.at(due[i].session).index,
                    due[i].joins ? IndexParts::All : IndexParts::WithoutLiveness);
            };
            return repository_.read_record<std::shared_ptr<const Index>>(*due[i].object, read,
                                                                         std::move(stop));
        },
        [&](std::size_t i, const Read& index) -> Result<void> {
            if (!index && is_interrupted(index.error())) return index.error();
            if (!index) return {};
            const auto taken =
                take_index(due[i].session, **index, due[i].joins, due[i].protects && !due[i].joins);
            if (!taken && is_interrupted(taken.error())) return taken.error();
            return {};
        },
        stop_);
}

}  // namespace perdure
