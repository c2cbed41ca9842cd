// Who takes part: enrolments, epochs, key slots, revocations.

#include <algorithm>
#include <utility>

#include "base/in_order.h"
#include "base/try.h"
#include "repo/owner_records.h"
#include "repo/repository.h"

namespace perdure {

// ------------------------------------------------------------------------------------ records of
// the owner

Result<Key256> clear_only(const FrameHeader&) {
    return Error(ErrorKind::Corrupt, "record should lie in clear");
}

Error not_owner(std::string_view what) {
    return Error(ErrorKind::Denied, std::string(what) + " takes the owner's keys")
        .with_hint("give the repository's password or its recovery key");
}

SignWith sign_as_owner(const OwnerKeys& owner, EpochNumber epoch) {
    return {{Role::Owner, WriterNumber{0}, epoch}, &owner.signing, nullptr};
}

Buffer frame_clear(const RepositoryId& repository, ObjectType type, const ObjectName& name,
                   ByteView body, const SignWith& sign) {
    return seal_record({repository, type, name.text()}, body, sign, {});
}

Result<void> create_same(Store& store, const ObjectName& name, ByteView bytes,
                         std::stop_token stop) {
    auto created = store.create(name, bytes, stop);
    if (created || created.error().kind() != ErrorKind::AlreadyExists) return created;
    const Buffer there = PERDURE_TRY(store.load(name, ByteRange::all(), stop));
    return equal(there, bytes) ? Result<void>() : std::move(created);
}

// ------------------------------------------------------------------------------------ enrolments

namespace {

// More are listed, and read several at a time.
constexpr std::size_t kEnrolmentsOneByOne = 4;

Error not_enrolled(WriterNumber w) {
    return Error(ErrorKind::Corrupt, "writer " + std::to_string(number(w)) + " is not enrolled");
}

}  // namespace

/// `before`: the enrolments below it. A maintainer was enrolled before it signed; looking its
/// certificate up anywhere else would let a record that claims to be signed by itself, or two by
/// each other, be read for ever. One that was signed with keys rotated away since is refused, or
/// said to be one if `rotated_away` is there to say it.
Result<Enrolment> Repository::read_enrolment(WriterNumber w, ByteView object,
                                             const EnrolmentList& before,
                                             bool* rotated_away) const {
    const ObjectName name = names::enrolment(w);
    const auto earlier = [&](WriterNumber signer) -> Result<Certificate> {
        const auto at = before.by_number.find(signer);
        if (at == before.by_number.end() || at->second.kind != EnrolmentKind::Certificate)
            return not_enrolled(signer);
        return at->second.certificate;
    };
    const auto opened = PERDURE_TRY(open_decided(ObjectType::Enrolment, name, object, earlier));
    Enrolment enrolment = PERDURE_TRY(decode_enrolment(opened.body).context(name.text()));
    const auto bad = [&](const char* why) {
        return Error(ErrorKind::Corrupt, name.text() + ": " + why);
    };
    if (enrolment.number != w) return bad("is another enrolment's record");
    if (enrolment.kind != EnrolmentKind::Barrier && opened.signer.role != Role::Owner)
        return bad("was not signed by the owner");
    // A seed that was rotated away enrols nobody any more.
    const Epoch* signed_in = find_epoch(opened.signer.epoch);
    for (const Epoch& later : epochs_)
        if (opened.signer.role == Role::Owner && later.number > opened.signer.epoch &&
            later.owner_verify_key != signed_in->owner_verify_key &&
            number(w) >= later.enrolments_below) {
            if (rotated_away == nullptr)
                return bad("was signed with owner keys that had been rotated away");
            *rotated_away = true;
        }
    return enrolment;
}

/// Those that a listing shows, several at a time. One that it does not show is asked for by name.
Result<std::map<WriterNumber, Buffer>> Repository::load_enrolments_from(
    WriterNumber first, std::stop_token stop) const {
    std::vector<std::pair<WriterNumber, ListedObject>> found;
    for (ListedObject& object : PERDURE_TRY(list_objects(store_, "writers/", stop)))
        if (const auto w = names::parse_enrolment(object.name.text()); w && *w >= first)
            found.emplace_back(*w, std::move(object));
    std::map<WriterNumber, Buffer> objects;
    const InOrder order = order_records(store_, found.size());
    PERDURE_TRY(make_in_order<Buffer>(
        order,
        [&](std::size_t i, std::stop_token by) {
            return load_record(found[i].second, std::move(by)).context("loading the enrolments");
        },
        [&](std::size_t i, Buffer object) -> Result<void> {
            objects.emplace(found[i].first, std::move(object));
            return {};
        },
        stop));
    return objects;
}

Result<EnrolmentList> Repository::enrolments(std::stop_token stop) const {
    if (auto known = enrolments_.with([](const auto& list) { return list; })) return *known;
    EnrolmentList list;
    // Of a replica, whose numbers no rotation at the source can speak of: those that were signed
    // with keys rotated away count once one that was signed later binds them.
    std::vector<Enrolment> unvouched;
    std::map<WriterNumber, Buffer> ahead;
    for (std::uint32_t i = 1;; ++i) {
        const WriterNumber w{i};
        const ObjectName name = names::enrolment(w);
        if (list.by_number.size() == kEnrolmentsOneByOne && ahead.empty())
            ahead = PERDURE_TRY(load_enrolments_from(w, stop));
        const auto loaded = ahead.find(w);
        auto object = loaded != ahead.end() ? Result<Buffer>(std::move(loaded->second))
                                            : store_.load(name, ByteRange::all(), stop);
        if (!object && object.error().kind() == ErrorKind::NotFound && i == 1) {
            list.first = list.next = PERDURE_TRY(read_first_enrolment(store_, stop));
            if (list.first == w) break;
            i = number(list.first) - 1;
            continue;
        }
        if (!object && object.error().kind() == ErrorKind::NotFound) break;
        if (!object) return std::move(object).error().context("loading the enrolments");
        bool rotated_away = false;
        const bool of_replica = number(list.first) >= kFirstOfReplicas;
        auto enrolment = read_enrolment(w, *object, list, of_replica ? &rotated_away : nullptr);
        if (enrolment && rotated_away) {
            unvouched.push_back(std::move(*enrolment));
        } else if (enrolment) {
            if (enrolment->previous == list.last_digest)
                for (Enrolment& earlier : std::exchange(unvouched, {}))
                    list.by_number.emplace(earlier.number, std::move(earlier));
            if (enrolment->previous != list.last_digest)
                list.problems.push_back({name.text(), "does not follow the enrolment before it"});
            list.by_number.emplace(w, std::move(*enrolment));
        } else if (lacks_key_of(*object)) {
            list.unreadable.push_back(w);
        } else {
            list.problems.push_back({name.text(), enrolment.error().describe()});
        }
        list.last_digest = digest_of(*object);
        list.next = WriterNumber{i + 1};
    }
    for (const Enrolment& earlier : unvouched)
        list.problems.push_back({names::enrolment(earlier.number).text(),
                                 "was signed with owner keys that had been rotated away"});
    enrolments_.with([&](auto& remembered) { remembered = list; });
    return list;
}

void Repository::forget_enrolments() const {
    enrolments_.with([](auto& remembered) { remembered.reset(); });
}

Result<Certificate> Repository::own_certificate_of(WriterNumber writer,
                                                   std::stop_token stop) const {
    if (!enrolments_.with([](const auto& list) { return list.has_value(); }))
        PERDURE_TRY(enrolments(stop));
    bool beyond = true;
    auto found = enrolments_.with([&](const auto& list) -> std::optional<Enrolment> {
        if (!list) return std::nullopt;
        beyond = number(writer) >= number(list->next);
        const auto at = list->by_number.find(writer);
        return at == list->by_number.end() ? std::nullopt : std::optional(at->second);
    });
    if (!found && beyond) {
        // Enrolled since, or behind one that is missing: each certificate stands for itself.
        const auto object = store_.load(names::enrolment(writer), ByteRange::all(), stop);
        if (!object && object.error().kind() != ErrorKind::NotFound) return object.error();
        if (object) {
            found = PERDURE_TRY(read_enrolment(writer, *object, EnrolmentList()));
            enrolments_.with([&](auto& list) {
                if (list) list->by_number.emplace(writer, *found);
            });
        }
    }
    if (!found || found->kind != EnrolmentKind::Certificate) return not_enrolled(writer);
    return found->certificate;
}

/// The lowest number that a retirement of it lets count.
Result<std::optional<SessionNumber>> Repository::retired_at(WriterNumber writer,
                                                            std::stop_token stop) const {
    if (!enrolments_.with([](const auto& list) { return list.has_value(); }))
        PERDURE_TRY(enrolments(stop));
    return enrolments_.with([&](const auto& list) {
        std::optional<SessionNumber> last;
        if (!list) return last;
        for (const auto& [w, enrolment] : list->by_number)
            if (enrolment.kind == EnrolmentKind::Retirement &&
                enrolment.retirement.enrolment == writer)
                last = std::min(last.value_or(enrolment.retirement.last_number),
                                enrolment.retirement.last_number);
        return last;
    });
}

Result<void> Repository::skip_gap(EnrolmentList& list, std::stop_token stop) const {
    WriterNumber last{};
    PERDURE_TRY(store_.list(
        "writers/",
        [&](std::string_view name, const ObjectStat&) {
            if (const auto w = names::parse_enrolment(name)) last = std::max(last, *w);
            return true;
        },
        stop));
    if (number(last) < number(list.next)) return {};
    const Buffer object = PERDURE_TRY(store_.load(names::enrolment(last), ByteRange::all(), stop));
    list.last_digest = digest_of(object);
    list.next = WriterNumber{number(last) + 1};
    return {};
}

Result<Repository::NewEnrolment> Repository::make_enrolment(WriterNumber writer,
                                                            std::optional<Digest> previous,
                                                            Certificate certificate) const {
    WriterIdentity identity;
    random_.fill(identity.signing_seed.reveal_mutable());
    random_.fill(identity.opening_secret.reveal_mutable());
    certificate.verify_key = SigningKey(identity.signing_seed).verify_key();
    certificate.sealing_key = OpeningKey(identity.opening_secret).sealing_key();
    const DomainKeys domain = PERDURE_TRY(domain_keys());
    Enrolment enrolment;
    enrolment.number = writer;
    enrolment.previous = previous;
    enrolment.time_ns = static_cast<std::uint64_t>(clock_.now().nanoseconds);
    enrolment.certificate = certificate;
    identity.repository = config_.repository;
    identity.config = config_digest_;
    identity.epoch = epoch().number;
    identity.epoch_digest = epoch_digest_;
    identity.owner_verify_key = epoch().owner_verify_key;
    identity.owner_sealing_key = epoch().owner_sealing_key;
    identity.enrolment = writer;
    identity.name = certificate.name;
    identity.role = certificate.role;
    identity.domains.push_back(domain);
    identity.obeys = certificate.obeys;
    const ObjectName name = names::enrolment(writer);
    Buffer object = seal_record(
        {config_.repository, ObjectType::Enrolment, name.text()}, encode_enrolment(enrolment),
        sign_as_owner(keyring_.owner(), epoch().number),
        {Sealing::IndexKey, domain.index_key, domain.name.domain, domain.name.generation});
    return NewEnrolment{std::move(object), std::move(identity)};
}

Result<WriterIdentity> Repository::enrol(const Certificate& wanted, std::stop_token stop) {
    if (!is_owner()) return not_owner("enrolling a writer");
    PERDURE_TRY(may_write());
    while (true) {
        forget_enrolments();
        EnrolmentList list = PERDURE_TRY(enrolments(stop));
        PERDURE_TRY(skip_gap(list, stop));  // a number that was ever taken is not taken again
        Certificate certificate = wanted;
        for (const auto& [w, earlier] : list.by_number)
            if (earlier.kind == EnrolmentKind::Barrier)
                certificate.obeys = std::max(certificate.obeys, earlier.list);
        NewEnrolment made =
            PERDURE_TRY(make_enrolment(list.next, list.last_digest, std::move(certificate)));
        const auto created = create_same(store_, names::enrolment(list.next), made.object, stop);
        if (!created && created.error().kind() == ErrorKind::AlreadyExists)
            continue;  // lost a race
        PERDURE_TRY(created);
        forget_enrolments();
        return std::move(made.identity);
    }
}

// ------------------------------------------------------------------------------------ slots and
// epochs

Result<KeySlotState> Repository::load_slot(const SlotReference& reference,
                                           std::stop_token stop) const {
    KeySlotState state = PERDURE_TRY(load_slot_once(reference, stop));
    const bool older =
        !state.slot && PERDURE_TRY(store_.fall_back_to_first(names::key_slot(reference.id), stop));
    return older ? load_slot_once(reference, std::move(stop)) : std::move(state);
}

Result<KeySlotState> Repository::load_slot_once(const SlotReference& reference,
                                                std::stop_token stop) const {
    KeySlotState state;
    state.reference = reference;
    const ObjectName name = names::key_slot(reference.id);
    const auto object = store_.load(name, ByteRange::all(), stop);
    if (!object && object.error().kind() != ErrorKind::NotFound) return object.error();
    if (!object) {
        state.problem = "is missing";
        return state;
    }
    const auto opened =
        open_record({config_.repository, ObjectType::KeySlot, name.text()}, *object, clear_only);
    const auto slot = opened ? decode_key_slot(opened->body) : Result<KeySlot>(opened.error());
    if (digest_of(*object) != reference.digest || !slot)
        state.problem = "is damaged";
    else
        state.slot = *slot;
    return state;
}

Result<std::vector<KeySlotState>> Repository::key_slots(std::stop_token stop) const {
    std::vector<KeySlotState> states;
    for (const SlotReference& reference : epoch().slots) {
        auto state = load_slot(reference, stop);
        if (!state && state.error().kind() == ErrorKind::Denied)
            state = KeySlotState{reference, std::nullopt, "may not be read here", true};
        states.push_back(PERDURE_TRY(std::move(state)));
    }
    return states;
}

Result<void> Repository::publish_epoch(Epoch next, const OwnerKeys& signer,
                                       const SigningKey* previous_owner, std::stop_token stop) {
    PERDURE_TRY(may_write());
    if (PERDURE_TRY(is_replica(stop)))
        return Error(ErrorKind::InvalidInput, "this is a replica: its keys are its source's")
            .with_hint("change them where it is copied from, then run `perdure copy` again");
    next.number = EpochNumber{number(epoch().number) + 1};
    next.previous = epoch_digest_;
    next.time_ns = static_cast<std::uint64_t>(clock_.now().nanoseconds);
    const ObjectName name = names::epoch(next.number);
    SignWith sign = sign_as_owner(signer, next.number);
    sign.previous_owner = previous_owner;
    const Buffer object =
        frame_clear(config_.repository, ObjectType::Epoch, name, encode_epoch(next), sign);
    auto created = create_same(store_, name, object, stop);
    if (!created && created.error().kind() == ErrorKind::AlreadyExists)
        return Error(ErrorKind::Unavailable,
                     "the keys were changed by someone else at the same moment")
            .with_hint("run the command again");
    PERDURE_TRY(created);
    epoch_digest_ = digest_of(object);
    epochs_.push_back(std::move(next));
    return {};
}

namespace {

/// What was stored under a class relies on its lock: that is not taken away, nor made another.
Result<void> check_change(const RetentionClass& from, const RetentionClass& to) {
    if (!from.lock || from.lock == to.lock) return {};
    return Error(ErrorKind::InvalidInput, "retention class \"" + from.name +
                                              "\" has locks of mode " + to_string(*from.lock) +
                                              ", and keeps it")
        .with_hint("make another class, and back up under that one");
}

void ask_for_feature(std::vector<std::string>& features) {
    if (std::find(features.begin(), features.end(), kObjectLockFeature) == features.end())
        features.emplace_back(kObjectLockFeature);
}

}  // namespace

Result<void> Repository::set_retention_class(const RetentionClass& wanted,
                                             std::uint32_t longest_days, std::stop_token stop) {
    if (!is_owner()) return not_owner("changing a retention class");
    Epoch next = epoch();
    if (longest_days != 0) next.longest_lock_days = longest_days;
    PERDURE_TRY(check_retention_class(wanted, next.longest_lock_days));
    auto& classes = next.retention_classes;
    const auto at = std::find_if(classes.begin(), classes.end(),
                                 [&](const auto& c) { return c.name == wanted.name; });
    if (at == classes.end()) {
        classes.push_back(wanted);
    } else {
        PERDURE_TRY(check_change(*at, wanted));
        *at = wanted;
    }
    for (const RetentionClass& c : classes)
        PERDURE_TRY(check_retention_class(c, next.longest_lock_days));
    if (wanted.lock) {
        const bool can = store_.locks() != nullptr && PERDURE_TRY(store_.locks()->can_lock(stop));
        if (!can)
            return Error(ErrorKind::Unsupported,
                         store_.properties().description + " has no Object Lock")
                .with_hint(
                    "S3 has, in buckets made with it: `perdure init --create-bucket "
                    "--object-lock`");
        // A program that does not know them would write without locks, or repack into none.
        ask_for_feature(next.features.write);
        ask_for_feature(next.features.collect);
    }
    PERDURE_TRY(begin_locking(next.retention_classes, stop));  // the epoch itself is locked so too
    return publish_epoch(std::move(next), keyring_.owner(), nullptr, std::move(stop));
}

Result<SlotId> Repository::add_slot(const Passphrase& passphrase, Argon2Cost cost,
                                    std::string label, std::stop_token stop) {
    if (!is_owner()) return not_owner("adding a key slot");
    const OwnerKeys& owner = keyring_.owner();
    const KeySlot slot = PERDURE_TRY(
        wrap_seed(config_.repository, owner.seed_epoch, owner.seed, passphrase, cost, label,
                  static_cast<std::uint64_t>(clock_.now().nanoseconds), random_));
    const ObjectName name = names::key_slot(slot.id);
    const Buffer object = frame_clear(config_.repository, ObjectType::KeySlot, name,
                                      encode_key_slot(slot), sign_as_owner(owner, epoch().number));
    PERDURE_TRY(store_.create(name, object, stop));
    Epoch next = epoch();
    next.slots.push_back({slot.id, digest_of(object), std::move(label)});
    PERDURE_TRY(publish_epoch(std::move(next), owner, nullptr, stop));
    return slot.id;
}

Result<void> Repository::remove_slot(const SlotId& id, std::stop_token stop) {
    if (!is_owner()) return not_owner("removing a key slot");
    Epoch next = epoch();
    const auto removed =
        std::erase_if(next.slots, [&](const SlotReference& s) { return s.id == id; });
    if (removed == 0)
        return Error(ErrorKind::NotFound, "there is no key slot " + id.hex())
            .with_hint("see `perdure key list`");
    if (next.slots.empty())
        return Error(ErrorKind::InvalidInput, "key slot " + id.hex() + " is the last one")
            .with_hint("add another first: `perdure key add`");
    PERDURE_TRY(publish_epoch(std::move(next), keyring_.owner(), nullptr, stop));
    return store_.remove(names::key_slot(id), stop);
}

Result<void> Repository::renew_domains(Epoch& next, EpochNumber seed_epoch, const OwnerSeed& seed,
                                       std::stop_token stop) const {
    const EnrolmentList enrolled = PERDURE_TRY(enrolments(stop));
    for (DomainRecord& domain : next.domains) {
        domain.past.push_back({domain.generation, domain.seed_epoch});
        ++domain.generation;
        domain.seed_epoch = seed_epoch;
        domain.sealed_keys.clear();
        const DomainKeys keys =
            grow_domain_keys(config_.repository, seed, {domain.id, domain.generation});
        for (const auto& [w, enrolment] : enrolled.by_number) {
            const Certificate& certificate = enrolment.certificate;
            if (enrolment.kind != EnrolmentKind::Certificate || next.revocation_of(w) != nullptr)
                continue;
            if (!can_seal_to(certificate.sealing_key)) continue;
            const bool with_dedup_secret = certificate.role == Role::Writer;
            domain.sealed_keys.push_back(
                {w, seal_to(certificate.sealing_key, encode_domain_keys(keys, with_dedup_secret))});
        }
    }
    return {};
}

Result<void> Repository::fence(SessionName session, std::stop_token stop) {
    if (!is_owner()) return not_owner("fencing a session");
    PointHeader header;
    header.kind = EndKind::Fence;
    header.session = session;
    const LogRecord begun = PERDURE_TRY(load_log_entry(session, &header.log_entry, stop));
    if (begun.kind == LogKind::Barrier) return {};
    header.started_ns = header.finished_ns = clock_.now().nanoseconds;
    header.program = program_name();
    const DomainKeys domain = PERDURE_TRY(domain_keys());
    const ObjectName name = names::point(session);
    const Buffer object = seal_record(
        {config_.repository, ObjectType::Point, name.text()}, encode_point_header(header),
        sign_as_owner(keyring_.owner(), epoch().number),
        {Sealing::IndexKey, domain.index_key, domain.name.domain, domain.name.generation});
    auto created = create_same(store_, name, object, stop);
    if (!created && created.error().kind() == ErrorKind::AlreadyExists) return {};  // it has ended
    return created;
}

Result<void> Repository::revoke(WriterNumber writer, SessionNumber last, std::string reason,
                                std::stop_token stop) {
    if (!is_owner()) return not_owner("revoking a writer");
    PERDURE_TRY(certificate_of(writer, stop));
    if (epoch().revocation_of(writer) != nullptr)
        return Error(ErrorKind::InvalidInput,
                     "writer " + std::to_string(number(writer)) + " is revoked already");
    for (std::uint64_t n = 1; n <= number(last); ++n) {
        const SessionName session{writer, SessionNumber{n}};
        const auto ended = store_.stat(names::point(session), stop);
        if (ended) continue;
        if (ended.error().kind() != ErrorKind::NotFound) return ended.error();
        auto fenced = fence(session, stop);
        // Without a log entry that can be believed nothing under that number ever will be.
        if (!fenced && fenced.error().kind() != ErrorKind::NotFound &&
            fenced.error().kind() != ErrorKind::Corrupt)
            return fenced;
    }
    Epoch next = epoch();
    next.revocations.push_back(
        {writer, last, static_cast<std::uint64_t>(clock_.now().nanoseconds), std::move(reason)});
    // The revoked machine keeps the domain's keys: what is written from here on is under new ones.
    const OwnerKeys owner = keyring_.owner();
    PERDURE_TRY(renew_domains(next, owner.seed_epoch, owner.seed, stop));
    PERDURE_TRY(publish_epoch(std::move(next), owner, nullptr, stop));
    keyring_ = Keyring();
    return adopt_seed(owner.seed);
}

Result<std::string> Repository::rotate(const Passphrase& passphrase, Argon2Cost cost,
                                       std::string label, std::stop_token stop) {
    if (!is_owner()) return not_owner("rotating the keys");
    const OwnerKeys old_owner = keyring_.owner();
    const EpochNumber next_number{number(epoch().number) + 1};
    OwnerSeed seed;
    random_.fill(seed.reveal_mutable());
    const OwnerKeys owner = grow_owner_keys(config_.repository, next_number, seed);
    const KeySlot slot =
        PERDURE_TRY(wrap_seed(config_.repository, next_number, seed, passphrase, cost, label,
                              static_cast<std::uint64_t>(clock_.now().nanoseconds), random_));
    const ObjectName slot_name = names::key_slot(slot.id);
    const Buffer slot_object =
        frame_clear(config_.repository, ObjectType::KeySlot, slot_name, encode_key_slot(slot),
                    sign_as_owner(owner, next_number));
    PERDURE_TRY(store_.create(slot_name, slot_object, stop));

    Epoch next = epoch();
    const std::vector<SlotReference> old_slots = next.slots;
    next.seed_epoch = next_number;
    next.owner_sealing_key = owner.opening.sealing_key();
    next.owner_verify_key = owner.signing.verify_key();
    next.slots = {{slot.id, digest_of(slot_object), std::move(label)}};
    forget_enrolments();
    const EnrolmentList enrolled = PERDURE_TRY(enrolments(stop));
    next.enrolments_below = number(enrolled.next);
    // Former seeds are sealed anew: the boxes of the epoch before open only with its own keys.
    next.former_seeds.clear();
    const auto seal_former = [&](EpochNumber e, ByteView former) {
        next.former_seeds.push_back({e, seal_to(owner.opening.sealing_key(), former)});
    };
    seal_former(old_owner.seed_epoch, old_owner.seed.reveal());
    for (const FormerSeed& former : epoch().former_seeds)
        seal_former(former.epoch, PERDURE_TRY(old_owner.opening.open(former.sealed)));
    PERDURE_TRY(renew_domains(next, next_number, seed, stop));
    PERDURE_TRY(publish_epoch(std::move(next), owner, &old_owner.signing, stop));
    for (const SlotReference& old : old_slots)
        PERDURE_TRY(store_.remove(names::key_slot(old.id), stop));
    keyring_ = Keyring();
    PERDURE_TRY(adopt_seed(seed));
    return to_recovery_key(seed);
}

}  // namespace perdure
