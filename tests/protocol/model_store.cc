#include "base/check.h"
#include "model.h"

namespace perdure::protocol::search {

namespace {

std::size_t at(std::uint64_t index) { return static_cast<std::size_t>(index); }

}  // namespace

int Model::session_at(const Store& store, Writer writer, Number number) const {
    const Byte entry = store.log[at(writer)][at(number)];
    return entry == 0 || (entry & kBarrierBit) != 0 ? -1 : entry - 1;
}

Number Model::number_of(const Store& store, int session) const {
    const auto& log = store.log[plan(session).writer];
    for (std::size_t n = 1; n < log.size() && log[n] != 0; ++n)
        if (log[n] == session + 1) return n;
    return 0;
}

Byte Model::cell(const Store& store, const ObjectKey& key) const {
    const auto session = [&] {
        const int found = session_at(store, key.writer, key.number);
        PERDURE_CHECK(found >= 0);
        return at(static_cast<std::uint64_t>(found));
    };
    switch (key.type) {
        case ObjectType::LogEntry: return store.log[at(key.writer)][at(key.number)];
        case ObjectType::Enrolment: return store.enrolments[at(key.number)];
        case ObjectType::Ending: return store.ending[session()];
        case ObjectType::Index: return store.index[session()];
        case ObjectType::Fate: return store.fate[session()];
        case ObjectType::List:
            return key.number <= kMaxLists ? store.list_cell[at(key.number)] : Byte{0};
        case ObjectType::Verdict:
            return key.number <= kMaxLists ? store.has_verdict[at(key.number)] : Byte{0};
        case ObjectType::Closed:
        case ObjectType::Pack: return 0;
    }
    return 0;
}

Answer Model::create(Store& store, const Request& request) const {
    const ObjectKey& key = request.key;
    if (cell(store, key) != 0) return Answer::plain(AnswerKind::Exists);
    const int session = key.type == ObjectType::Ending || key.type == ObjectType::Index ||
                                key.type == ObjectType::Fate
                            ? session_at(store, key.writer, key.number)
                            : 0;
    const auto s = static_cast<std::size_t>(session);
    switch (key.type) {
        case ObjectType::LogEntry: store.log[at(key.writer)][at(key.number)] = request.value; break;
        case ObjectType::Enrolment: store.enrolments[at(key.number)] = request.value; break;
        case ObjectType::Ending: store.ending[s] = request.value; break;
        case ObjectType::Index: store.index[s] = request.value; break;
        case ObjectType::Fate: store.fate[s] = request.value; break;
        case ObjectType::List:
            store.list_cell[at(key.number)] = kListed;
            store.list[at(key.number)] = request.content;
            break;
        case ObjectType::Verdict:
            store.has_verdict[at(key.number)] = 1;
            store.verdict[at(key.number)] = static_cast<PackMask>(request.content);
            break;
        case ObjectType::Closed:
        case ObjectType::Pack: PERDURE_CHECK(false);
    }
    return Answer::done(key.number);
}

/// Tokens need only be injective among what is compared: entries of one log are told apart by their
/// place, for no name holds a second entry.
Answer Model::read(const Store& store, const ObjectKey& key, Byte sent) const {
    const Byte value = cell(store, key);
    if (value == 0) return Answer::plain(AnswerKind::NotFound);
    Record record;
    if (key.type == ObjectType::LogEntry || key.type == ObjectType::Enrolment) {
        LogEntry entry;
        entry.previous = key.number - 1;
        if ((value & kBarrierBit) != 0) {
            entry.kind = EntryKind::Barrier;
            entry.list = value & ~kBarrierBit;
        } else if (key.type == ObjectType::Enrolment) {
            entry.kind = EntryKind::Certificate;
            entry.subject = value - 1u;
        }
        record = entry;
    } else if (key.type == ObjectType::Ending) {
        const int session = session_at(store, key.writer, key.number);
        const auto s = static_cast<std::size_t>(session);
        EndRecord ending;
        if (value == kReal) {
            ending.kind = plan(session).ends;
            ending.index = store.index[s] != kNever ? 1 : 0;
            if (store.supersedes[s] != 0)
                ending.supersedes = number_of(store, store.supersedes[s] - 1);
        }
        record = ending;
    }
    return Answer::found(record, key.number, value == sent);
}

bool Model::protects(const Store& store, int session) const {
    const auto s = static_cast<std::size_t>(session);
    if (store.ending[s] != kReal || store.fate[s] != 0) return false;
    return EndRecord{plan(session).ends, 0, 0}.protects() && !is_superseded(store, session);
}

bool Model::is_superseded(const Store& store, int session) const {
    for (std::size_t later = 0; later < kMaxSessions; ++later)
        if (store.supersedes[later] == session + 1 && store.ending[later] == kReal) return true;
    return false;
}

bool Model::location_counts(const Store& store, int block, int by, int pack, int slot) const {
    const int born = block / kClasses;
    const BirthAddress birth{
        plan(born).writer,
        static_cast<Number>(born + 1),
        {static_cast<PackToken>(born), static_cast<std::uint32_t>(block % kClasses)}};
    const IndexFact fact{plan(by).writer, static_cast<Number>(by + 1),
                         plan(by).role == Role::Repack,
                         store.ending[static_cast<std::size_t>(by)] == kReal};
    return counts(birth, {static_cast<PackToken>(pack), static_cast<std::uint32_t>(slot)}, fact);
}

}  // namespace perdure::protocol::search
