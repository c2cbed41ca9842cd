// The records that a repository begins with: epochs, key slots, enrolments, and the writers' logs.

#include <algorithm>

#include "base/try.h"
#include "engine/check_state.h"

namespace perdure {

namespace {

// Names of missing log entries in one gap: the rest of it says no more.
constexpr std::uint64_t kMostOfGap = 100;

void check_slots(CheckState& state, const std::vector<KeySlotState>& listed) {
    for (const KeySlotState& slot : listed)
        if (slot.refused)
            state.note(names::key_slot(slot.reference.id).text(), "refused",
                       "was not checked: this credential may not read it");
        else if (!slot.slot)
            state.add(names::key_slot(slot.reference.id).text(),
                      slot.problem == "is missing" ? "missing" : "damaged",
                      slot.problem + ": its password does not open the repository");
    for (const SlotId& id : state.inventory.slots) {
        const bool known = std::any_of(listed.begin(), listed.end(),
                                       [&](const KeySlotState& s) { return s.reference.id == id; });
        if (known) continue;
        const std::string name = names::key_slot(id).text();
        const auto object = state.load(names::key_slot(id));
        if (!object && object.error().kind() == ErrorKind::Denied) {
            state.note(name, "refused", "was not checked: this credential may not read it");
            continue;
        }
        const auto frame = object ? parse_frame(*object) : Result<FrameHeader>(object.error());
        if (frame && frame->type == ObjectType::KeySlot)
            state.note(name, "unlisted",
                       "the newest epoch does not list it: left by an interrupted command, or "
                       "planted, or an epoch is missing");
        else
            state.add(name, "damaged", "is no key slot, and the newest epoch does not list it");
    }
}

void check_epoch_names(CheckState& state) {
    if (const auto& problem = state.repository.epoch_problem()) {
        state.add(problem->object, "damaged", problem->text + "; it is left alone");
        return;
    }
    const std::uint32_t newest = number(state.repository.epoch().number);
    for (const EpochNumber e : state.inventory.epochs)
        if (number(e) > newest) {
            state.add(names::epoch(EpochNumber{newest + 1}).text(), "missing",
                      "is missing, but there are later epochs; the keys in force are not the "
                      "newest");
            return;
        }
}

void check_enrolment_names(CheckState& state, const EnrolmentList& list) {
    for (const Problem& problem : list.problems) state.add(problem.object, "damaged", problem.text);
    for (const WriterNumber w : state.inventory.enrolments)
        if (number(w) >= number(list.next)) {
            state.add(names::enrolment(list.next).text(), "missing",
                      "is missing, but there are later enrolments");
            return;
        }
}

}  // namespace

Result<void> check_owner_records(CheckState& state) {
    check_epoch_names(state);
    check_slots(state, PERDURE_TRY(state.repository.key_slots(state.stop)));
    check_enrolment_names(state, PERDURE_TRY(state.repository.enrolments(state.stop)));
    return {};
}

// ------------------------------------------------------------------------------------ logs

namespace {

/// Reads one writer's log in order.
class LogCheck {
public:
    explicit LogCheck(CheckState& state) : state_(state) {}

    Result<void> entry(SessionName session) {
        if (session.writer != writer_) begin(session.writer);
        const ObjectName name = names::log_entry(session);
        const auto object = state_.load(name);
        if (!object && ends_check(object.error())) return object.error();
        Signer signer;
        const auto record =
            object ? state_.repository.read_log_entry(session, *object, &signer, state_.stop)
                   : Result<LogRecord>(object.error());
        if (!record) {
            if (ends_check(record.error())) return record.error();
            report(session, record.error(), object ? ByteView(*object) : ByteView());
        } else {
            check_epoch(name, signer);
            check_previous(session, *record);
        }
        last_ = session;
        last_digest_ = object ? std::optional(digest_of(*object)) : std::nullopt;
        return {};
    }

private:
    void begin(WriterNumber writer) {
        writer_ = writer;
        last_.reset();
        last_digest_.reset();
    }

    void report(SessionName session, const Error& error, ByteView object) {
        const std::string name = names::log_entry(session).text();
        if (state_.repository.lacks_key_of(object)) {
            if (state_.repository.is_owner()) later_epoch(name);
            return;
        }
        // Where the writer's certificate is lost, that is what its points' findings are about.
        const Repository& r = state_.repository;
        if (!r.is_enrolled(session.writer, state_.stop) &&
            r.open_sealed(ObjectType::LogEntry, names::log_entry(session), object))
            return;
        CheckFinding& finding = state_.add(name, finding_kind(error), error.describe());
        if (state_.inventory.points.contains(session) && state_.wants(session))
            finding.points.push_back(session);
    }

    void check_epoch(const ObjectName& name, const Signer& signer) {
        if (number(signer.epoch) > number(state_.repository.epoch().number))
            later_epoch(name.text());
    }

    void later_epoch(const std::string& name) {
        if (state_.repository.epoch_problem() || std::exchange(told_of_epoch_, true)) return;
        const EpochNumber next{number(state_.repository.epoch().number) + 1};
        state_.add(names::epoch(next).text(), "missing",
                   "is missing, but " + name + " was made in a later epoch");
    }

    void check_previous(SessionName session, const LogRecord& record) {
        const std::uint64_t n = number(session.session);
        const bool first = n == 1;
        if (!first && (!last_ || number(last_->session) != n - 1)) {
            const std::uint64_t from = last_ ? number(last_->session) + 1 : 1;
            for (std::uint64_t m = std::max(from, n > kMostOfGap ? n - kMostOfGap : 1); m < n; ++m)
                missing({session.writer, SessionNumber{m}});
            return;
        }
        if (record.previous.has_value() == first || (!first && record.previous != last_digest_))
            state_.add(names::log_entry(session).text(), "order",
                       "does not follow the log entry before it");
    }

    void missing(SessionName session) {
        CheckFinding& finding = state_.add(names::log_entry(session).text(), "missing",
                                           "is missing, but there are later entries of that log");
        if (state_.inventory.points.contains(session) && state_.wants(session))
            finding.points.push_back(session);
    }

    CheckState& state_;
    WriterNumber writer_{};
    std::optional<SessionName> last_;
    std::optional<Digest> last_digest_;
    bool told_of_epoch_ = false;
};

}  // namespace

Result<void> check_logs(CheckState& state) {
    LogCheck check(state);
    for (const SessionName session : state.inventory.log) PERDURE_TRY(check.entry(session));
    return {};
}

}  // namespace perdure
