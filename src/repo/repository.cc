#include "repo/repository.h"

#include <algorithm>

#include "base/in_order.h"
#include "base/try.h"
#include "repo/closed.h"
#include "repo/merges.h"
#include "repo/owner_records.h"
#include "repo/record.h"

namespace perdure {

std::string program_name() { return std::string("perdure ") + PERDURE_VERSION; }

// ------------------------------------------------------------------------------------ init

namespace {

constexpr std::uint32_t kDefaultDomain = 1;

struct Started {
    Epoch epoch;
    Digest digest;
    OwnerSeed seed;
};

/// Slot and first epoch, new.
Result<Started> start_repository(Store& store, const InitOptions& options, Clock& clock,
                                 Random& random, std::stop_token stop) {
    RepositoryId repository;
    random.fill(repository.raw());
    Started started;
    random.fill(started.seed.reveal_mutable());
    const OwnerKeys owner = grow_owner_keys(repository, EpochNumber{1}, started.seed);
    const auto now = static_cast<std::uint64_t>(clock.now().nanoseconds);
    const KeySlot slot =
        PERDURE_TRY(wrap_seed(repository, EpochNumber{1}, started.seed, options.passphrase,
                              options.cost, options.label, now, random));
    const ObjectName slot_name = names::key_slot(slot.id);
    const Buffer slot_object =
        frame_clear(repository, ObjectType::KeySlot, slot_name, encode_key_slot(slot),
                    sign_as_owner(owner, EpochNumber{1}));
    PERDURE_TRY(store.create(slot_name, slot_object, stop));

    Epoch& epoch = started.epoch;
    epoch.repository = repository;
    epoch.owner_sealing_key = owner.opening.sealing_key();
    epoch.owner_verify_key = owner.signing.verify_key();
    epoch.domains.push_back(DomainRecord{kDefaultDomain, "default", 1, EpochNumber{1}, {}, {}});
    epoch.slots.push_back({slot.id, digest_of(slot_object), slot.label});
    epoch.time_ns = now;
    const ObjectName epoch_name = names::epoch(EpochNumber{1});
    const Buffer epoch_object =
        frame_clear(repository, ObjectType::Epoch, epoch_name, encode_epoch(epoch),
                    sign_as_owner(owner, EpochNumber{1}));
    started.digest = digest_of(epoch_object);
    PERDURE_TRY(store.create(epoch_name, epoch_object, stop));
    return started;
}

/// An init that stopped between the first epoch and the config: its slot must open with the
/// passphrase given now.
Result<Started> resume_repository(Store& store, ByteView epoch_object, const InitOptions& options,
                                  std::stop_token stop) {
    // The repository id is inside the record, and authenticates it: read it first, then check with
    // it.
    const FrameHeader frame = PERDURE_TRY(parse_frame(epoch_object));
    if (frame.sealing != Sealing::Clear)
        return Error(ErrorKind::Corrupt, "epochs/00000001 is damaged");
    const ObjectName name = names::epoch(EpochNumber{1});
    Started started;
    const auto opened =
        PERDURE_TRY(open_record({{}, ObjectType::Epoch, name.text()}, epoch_object, clear_only));
    started.epoch = PERDURE_TRY(decode_epoch(opened.body));
    const RecordPlace place{started.epoch.repository, ObjectType::Epoch, name.text()};
    if (!verify_signature(place, opened, started.epoch.owner_verify_key) ||
        started.epoch.slots.empty())
        return Error(ErrorKind::Corrupt, "epochs/00000001 does not authenticate");
    started.digest = digest_of(epoch_object);
    const ObjectName slot_name = names::key_slot(started.epoch.slots.front().id);
    const Buffer slot_object = PERDURE_TRY(store.load(slot_name, ByteRange::all(), stop));
    const auto slot_record =
        PERDURE_TRY(open_record({started.epoch.repository, ObjectType::KeySlot, slot_name.text()},
                                slot_object, clear_only));
    const KeySlot slot = PERDURE_TRY(decode_key_slot(slot_record.body));
    auto seed = unwrap_seed(started.epoch.repository, slot, options.passphrase);
    if (!seed)
        return std::move(seed)
            .error()
            .context("an interrupted init lies here")
            .with_hint(
                "run init again with the password it was started with, or empty the location");
    started.seed = *seed;
    return started;
}

}  // namespace

Result<InitResult> Repository::initialize(Store& store, const InitOptions& options, Clock& clock,
                                          Random& random, std::stop_token stop) {
    const Error exists = Error(ErrorKind::AlreadyExists,
                               "there is a repository already at " + store.properties().description)
                             .with_hint("use another location, or back up to this one");
    const auto config_stat = store.stat(names::config(), stop);
    if (config_stat) return exists;
    if (config_stat.error().kind() != ErrorKind::NotFound) return config_stat.error();

    const auto epoch_object = store.load(names::epoch(EpochNumber{1}), ByteRange::all(), stop);
    if (!epoch_object && epoch_object.error().kind() != ErrorKind::NotFound)
        return epoch_object.error();
    Result<Started> started = epoch_object ? resume_repository(store, *epoch_object, options, stop)
                                           : start_repository(store, options, clock, random, stop);
    if (!started && started.error().kind() == ErrorKind::AlreadyExists)
        return std::move(started).error().context("another init runs here at the same time");
    const Started& s = PERDURE_TRY(std::move(started));

    const OwnerKeys owner = grow_owner_keys(s.epoch.repository, EpochNumber{1}, s.seed);
    Config config;
    config.repository = s.epoch.repository;
    config.created_ns = s.epoch.time_ns;
    config.chunker_average_log2 = options.chunker_average_log2;
    config.owner_verify_key = owner.signing.verify_key();
    config.first_epoch = s.digest;
    const Buffer object = frame_clear(config.repository, ObjectType::Config, names::config(),
                                      encode_config(config), sign_as_owner(owner, EpochNumber{1}));
    const auto created = create_same(store, names::config(), object, stop);
    if (!created && created.error().kind() == ErrorKind::AlreadyExists) return exists;
    PERDURE_TRY(created);
    return InitResult{config.repository, to_recovery_key(s.seed)};
}

// ------------------------------------------------------------------------------------ open

namespace {

Result<StoredConfig> read_config_once(Store& store, std::stop_token stop) {
    auto object = store.load(names::config(), ByteRange::all(), stop);
    if (!object) {
        if (object.error().kind() != ErrorKind::NotFound) return std::move(object).error();
        return Error(ErrorKind::NoRepository,
                     "there is no repository at " + store.properties().description)
            .with_hint("check the location, or make one with `perdure init`");
    }
    const auto opened = PERDURE_TRY(
        open_record({{}, ObjectType::Config, names::config().text()}, *object, clear_only));
    const Config config = PERDURE_TRY(decode_config(opened.body).context("perdure"));
    const RecordPlace place{config.repository, ObjectType::Config, names::config().text()};
    if (!verify_signature(place, opened, config.owner_verify_key))
        return Error(ErrorKind::Corrupt, "perdure: the config does not authenticate");
    return StoredConfig{config, digest_of(*object)};
}

}  // namespace

Result<StoredConfig> Repository::read_config(Store& store, std::stop_token stop) {
    auto config = read_config_once(store, stop);
    if (config) return config;
    const ErrorKind why = config.error().kind();
    if (why != ErrorKind::NoRepository && why != ErrorKind::Corrupt) return config;
    if (!PERDURE_TRY(store.fall_back_to_first(names::config(), stop))) return config;
    return read_config_once(store, std::move(stop));
}

Result<void> Repository::load_config(std::stop_token stop) {
    const StoredConfig stored = PERDURE_TRY(read_config(store_, stop));
    config_ = stored.config;
    config_digest_ = stored.digest;
    return {};
}

namespace {

Result<void> refuse_unknown(const std::vector<std::string>& features) {
    const auto unknown = unknown_feature(features);
    if (!unknown) return {};
    return Error(ErrorKind::Unsupported, "the repository uses the feature \"" + *unknown +
                                             "\", which this program does not know")
        .with_hint("use a newer perdure");
}

}  // namespace

std::optional<std::string> unknown_feature(const std::vector<std::string>& features) {
    const auto at = std::find_if(features.begin(), features.end(), [](const std::string& feature) {
        return feature != kObjectLockFeature;
    });
    return at == features.end() ? std::nullopt : std::optional(*at);
}

Result<void> Repository::may_write() const {
    if (epoch_problem_)
        return Error(ErrorKind::Corrupt, epoch_problem_->text)
            .with_hint(
                "put that object back from a copy of the repository; until then it can only be "
                "read");
    return refuse_unknown(epoch().features.write);
}

Result<OpenedRecord> Repository::open_epoch(EpochNumber e, ByteView object) const {
    return open_record({config_.repository, ObjectType::Epoch, names::epoch(e).text()}, object,
                       clear_only);
}

Result<Epoch> Repository::read_epoch(EpochNumber e, ByteView object) const {
    const ObjectName name = names::epoch(e);
    const auto opened = PERDURE_TRY(open_epoch(e, object));
    Epoch epoch = PERDURE_TRY(decode_epoch(opened.body).context(name.text()));
    const RecordPlace place{config_.repository, ObjectType::Epoch, name.text()};
    const auto bad = [&](const char* why) {
        return Error(ErrorKind::Corrupt, name.text() + ": " + why);
    };
    if (epoch.number != e || epoch.repository != config_.repository)
        return bad("is another epoch's record");
    if (!verify_signature(place, opened, epoch.owner_verify_key))
        return bad("does not authenticate");
    if (number(e) == 1) {
        if (digest_of(object) != config_.first_epoch ||
            epoch.owner_verify_key != config_.owner_verify_key)
            return bad("is not the one the config names");
        return epoch;
    }
    if (epoch.previous != epoch_digest_) return bad("does not follow the epoch before it");
    if (epoch.owner_verify_key != epochs_.back().owner_verify_key &&
        !verify_previous_owner_signature(place, opened, epochs_.back().owner_verify_key))
        return bad("was not signed by the owner before");
    return epoch;
}

Result<void> Repository::load_epochs(std::stop_token stop) {
    for (std::uint32_t e = 1;; ++e) {
        const ObjectName name = names::epoch(EpochNumber{e});
        auto object = store_.load(name, ByteRange::all(), stop);
        if (!object && object.error().kind() == ErrorKind::NotFound && e > 1) return {};
        if (!object) return std::move(object).error().context("loading the epochs");
        auto epoch = read_epoch(EpochNumber{e}, *object);
        if (!epoch && e == 1) return std::move(epoch).error();
        if (!epoch) {
            // Damaged, or planted: what lies under the epochs before it can be read all the same.
            epoch_problem_ = Problem{name.text(), epoch.error().describe()};
            return {};
        }
        epochs_.push_back(std::move(*epoch));
        epoch_digest_ = digest_of(*object);
    }
}

/// Another repository's config is a good one too: it is the epochs that it does not fit.
Result<void> Repository::load_roots(std::stop_token stop) {
    PERDURE_TRY(load_config(stop));
    auto epochs = load_epochs(stop);
    if (epochs || epochs.error().kind() != ErrorKind::Corrupt) return epochs;
    if (!PERDURE_TRY(store_.fall_back_to_first(names::config(), stop))) return epochs;
    epochs_.clear();
    PERDURE_TRY(load_config(stop));
    return load_epochs(std::move(stop));
}

Result<void> Repository::refuse_lost_epoch(std::stop_token stop) const {
    const auto lost = [](const std::string& what) {
        return Error(ErrorKind::Corrupt, "the keys in force cannot be read: " + what)
            .with_hint("put that object back from a copy of the repository");
    };
    if (epoch_problem_) return lost(epoch_problem_->text);
    EpochNumber last{};
    PERDURE_TRY(store_.list(
        "epochs/",
        [&](std::string_view name, const ObjectStat&) {
            if (const auto e = names::parse_epoch(name)) last = std::max(last, *e);
            return true;
        },
        stop));
    const EpochNumber next{number(epoch().number) + 1};
    if (number(last) < number(next)) return {};
    return lost(names::epoch(next).text() + " is missing, but there are later ones");
}

Result<void> Repository::adopt_writer(const WriterIdentity& writer) {
    const auto refuse = [](std::string why) {
        return Error(ErrorKind::Denied, std::move(why))
            .with_hint(
                "if the repository was replaced or rolled back, find out why before backing up to "
                "it");
    };
    if (writer.repository != config_.repository || writer.config != config_digest_)
        return Error(ErrorKind::WrongKey, "the writer key belongs to another repository");
    if (number(writer.epoch) > epochs_.size())
        return refuse("the repository is older than this writer key has seen (epoch " +
                      std::to_string(number(writer.epoch)) + "): it was rolled back");
    if (number(writer.epoch) < 1) return refuse("the writer key names no epoch");
    const Epoch& pinned = epochs_[number(writer.epoch) - 1];
    const bool newest = number(writer.epoch) == epochs_.size();
    const Digest digest = newest ? epoch_digest_ : *epochs_[number(writer.epoch)].previous;
    if (digest != writer.epoch_digest || pinned.owner_verify_key != writer.owner_verify_key ||
        pinned.owner_sealing_key != writer.owner_sealing_key)
        return refuse(
            "the owner keys of the repository are not those this writer key was made for");
    if (const Revocation* revoked = epoch().revocation_of(writer.enrolment))
        return Error(ErrorKind::Denied, "writer " + std::to_string(number(writer.enrolment)) +
                                            " was revoked" +
                                            (revoked->reason.empty() ? "" : ": " + revoked->reason))
            .with_hint(
                "give the password, which enrols this machine anew, or ask for a new key file, "
                "made "
                "by `perdure key writer add`");
    for (const DomainKeys& keys : writer.domains) keyring_.add_domain(keys);
    const OpeningKey opening(writer.opening_secret);
    // An epoch seals the keys of its own generations only: those between come from the epochs
    // between.
    for (auto e = epochs_.rbegin(); e != epochs_.rend(); ++e)
        for (const DomainRecord& domain : e->domains)
            for (const auto& sealed : domain.sealed_keys)
                if (sealed.enrolment == writer.enrolment)
                    if (const auto inside = opening.open(sealed.sealed))
                        keyring_.add_domain(PERDURE_TRY(decode_domain_keys(*inside)));
    return {};
}

Result<OwnerSeed> Repository::seed_from(const Passphrase& passphrase, std::stop_token stop) const {
    const auto text = as_text(passphrase.reveal());
    if (looks_like_recovery_key(text)) return from_recovery_key(text);
    std::string damaged;
    for (const SlotReference& reference : epoch().slots) {
        const KeySlotState state = PERDURE_TRY(load_slot(reference, stop));
        if (!state.slot) {
            damaged += (damaged.empty() ? "" : "; ") + names::key_slot(reference.id).text() + " " +
                       state.problem;
            continue;
        }
        auto seed = unwrap_seed(config_.repository, *state.slot, passphrase);
        if (seed || seed.error().kind() != ErrorKind::WrongKey) return seed;
    }
    if (!damaged.empty())
        return Error(ErrorKind::Corrupt,
                     "no key slot opens with this password, but not all could be tried: " + damaged)
            .with_hint(
                "use the recovery key that init printed, then add a new slot with `perdure key "
                "add`");
    return Error(ErrorKind::WrongKey,
                 "wrong password for the repository at " + store_.properties().description);
}

Result<void> Repository::adopt_seed(const OwnerSeed& seed) {
    const OwnerKeys keys = grow_owner_keys(config_.repository, epoch().seed_epoch, seed);
    if (keys.signing.verify_key() != epoch().owner_verify_key ||
        keys.opening.sealing_key() != epoch().owner_sealing_key)
        return Error(ErrorKind::WrongKey,
                     "the key does not open this repository (an older or another repository's "
                     "recovery key?)");
    std::map<EpochNumber, OwnerSeed> seeds{{epoch().seed_epoch, seed}};
    for (const FormerSeed& former : epoch().former_seeds) {
        const Buffer inside =
            PERDURE_TRY(keys.opening.open(former.sealed).context("former owner keys"));
        seeds.emplace(former.epoch, OwnerSeed::copy_of(inside));
    }
    for (auto at = seeds.rbegin(); at != seeds.rend(); ++at)
        keyring_.add_owner(grow_owner_keys(config_.repository, at->first, at->second));
    for (const DomainRecord& domain : epoch().domains) {
        const auto add = [&](std::uint32_t generation, EpochNumber seed_epoch) {
            const auto at = seeds.find(seed_epoch);
            if (at != seeds.end())
                keyring_.add_domain(
                    grow_domain_keys(config_.repository, at->second, {domain.id, generation}));
        };
        add(domain.generation, domain.seed_epoch);
        for (const auto& past : domain.past) add(past.generation, past.seed_epoch);
    }
    return {};
}

Result<std::unique_ptr<Repository>> Repository::open(Store& store, const Credentials& credentials,
                                                     Clock& clock, Random& random,
                                                     std::stop_token stop) {
    std::unique_ptr<Repository> repository(new Repository(store, clock, random));
    PERDURE_TRY(repository->load_roots(stop));
    // Of the newest epoch alone: a feature that was given up binds nobody.
    PERDURE_TRY(refuse_unknown(repository->epoch().features.read));
    PERDURE_TRY(repository->begin_locking(repository->epoch().retention_classes, stop));
    Result<void> adopted;
    if (credentials.passphrase) {
        const auto seed = repository->seed_from(*credentials.passphrase, stop);
        adopted = seed ? repository->adopt_seed(*seed) : Result<void>(seed.error());
    }
    if (adopted && credentials.writer) adopted = repository->adopt_writer(*credentials.writer);
    if (adopted) {
        store.judge_by([made = repository.get(), alive = std::weak_ptr(repository->alive_)](
                           const ObjectName& name, ByteView object) {
            return alive.expired() || made->may_be(name, object);
        });
        return repository;
    }
    // The key may be right, and the epoch that would say so lost.
    if (adopted.error().kind() != ErrorKind::Unavailable) {
        PERDURE_TRY(repository->refuse_lost_epoch(stop));
    }
    return std::move(adopted).error();
}

/// Asks the store only where a class has a lock.
Result<void> Repository::begin_locking(const std::vector<RetentionClass>& classes,
                                       std::stop_token stop) {
    ObjectLocks* locks = store_.locks();
    locks_objects_ = false;
    if (!shared_lock(classes) || locks == nullptr) return {};
    // A store that does not say so may all the same; and nobody must be kept from reading by it.
    const auto can = locks->can_lock(std::move(stop));
    if (!can && can.error().kind() == ErrorKind::Cancelled) return can.error();
    locks_objects_ = !can || *can;
    if (locks_objects_)
        locks->lock_new([classes](std::string_view name) { return lock_period_of(classes, name); });
    return {};
}

Result<void> Repository::must_lock() const {
    if (locks_objects_ || !shared_lock(epoch().retention_classes)) return {};
    return Error(ErrorKind::Unsupported, "a retention class asks for Object Lock, which " +
                                             store_.properties().description + " does not have")
        .with_hint(
            "use a bucket with Object Lock (`perdure init --create-bucket --object-lock`), "
            "or a retention class without a lock");
}

Result<RetentionClass> Repository::retention_class(std::string_view name) const {
    std::string known(kDefaultRetentionClass);
    for (const RetentionClass& c : epoch().retention_classes) {
        if (c.name == name) return c;
        if (c.name != kDefaultRetentionClass) known += ", " + c.name;
    }
    RetentionClass plain;
    plain.name = name;
    if (name == kDefaultRetentionClass) return plain;
    return Error(ErrorKind::InvalidInput,
                 "there is no retention class \"" + std::string(name) + "\"; there are: " + known)
        .with_hint("its owner makes one with `perdure lock set NAME MODE:DAYS`");
}

DomainName Repository::domain_name() const {
    const DomainRecord* domain = epoch().domain(kDefaultDomain);
    return {kDefaultDomain, domain != nullptr ? domain->generation : 1};
}

const Epoch* Repository::find_epoch(EpochNumber e) const {
    return number(e) >= 1 && number(e) <= epochs_.size() ? &epochs_[number(e) - 1] : nullptr;
}

// ------------------------------------------------------------------------------------ records

bool Repository::may_be(const ObjectName& name, ByteView object) const {
    if (lacks_key_of(object)) return true;
    const std::string_view text = name.text();
    const auto by = [&](ObjectType type, WriterNumber writer) {
        return open_by_writer(type, name, writer, object) || open_by_maintainer(type, name, object);
    };
    if (const auto s = names::parse_log_entry(text)) return by(ObjectType::LogEntry, s->writer);
    if (const auto s = names::parse_point(text)) return by(ObjectType::Point, s->writer);
    if (const auto s = names::parse_index(text)) return by(ObjectType::Index, s->writer);
    if (names::parse_enrolment(text))
        return open_sealed(ObjectType::Enrolment, name, object).has_value();
    if (names::parse_fate(text))
        return open_by_maintainer(ObjectType::Fate, name, object).has_value();
    if (text.starts_with("gc/"))
        return open_sealed(
                   text.ends_with(".verdict") ? ObjectType::Verdict : ObjectType::CondemnedList,
                   name, object)
            .has_value();
    return true;
}

Result<OpenedRecord> Repository::open_sealed(ObjectType type, const ObjectName& name,
                                             ByteView object) const {
    return open_record({config_.repository, type, name.text()}, object,
                       [&](const FrameHeader& frame) -> Result<Key256> {
                           return keyring_.index_key({frame.domain, frame.generation});
                       });
}

Result<OpenedRecord> Repository::open_by_writer(ObjectType type, const ObjectName& name,
                                                WriterNumber writer, ByteView object) const {
    OpenedRecord opened = PERDURE_TRY(open_sealed(type, name, object));
    // Bytes behind a record would give one record many digests; only a point has its body there.
    if (type != ObjectType::Point && opened.framed_size != object.size())
        return Error(ErrorKind::Corrupt, name.text() + ": has bytes behind its record");
    const Certificate certificate = PERDURE_TRY(certificate_of(writer, {}).context(name.text()));
    if (opened.signer.enrolment != writer || opened.signer.role != certificate.role)
        return Error(ErrorKind::Corrupt,
                     name.text() + ": was signed by someone else than its writer");
    if (!verify_signature({config_.repository, type, name.text()}, opened, certificate.verify_key))
        return Error(ErrorKind::Corrupt, name.text() + ": its signature is not its writer's");
    return opened;
}

Result<OpenedRecord> Repository::open_by_maintainer(ObjectType type, const ObjectName& name,
                                                    ByteView object) const {
    return open_decided(type, name, object,
                        [&](WriterNumber w) { return certificate_of(w, std::stop_token()); });
}

Result<OpenedRecord> Repository::open_decided(ObjectType type, const ObjectName& name,
                                              ByteView object,
                                              const FindCertificate& of_maintainer) const {
    OpenedRecord opened = PERDURE_TRY(open_sealed(type, name, object));
    if (type != ObjectType::Point && opened.framed_size != object.size())
        return Error(ErrorKind::Corrupt, name.text() + ": has bytes behind its record");
    const RecordPlace place{config_.repository, type, name.text()};
    const auto refuse = [&] {
        return Error(ErrorKind::Corrupt,
                     name.text() + ": was signed by someone who may not decide this");
    };
    if (opened.signer.role == Role::Owner) {
        const Epoch* e = find_epoch(opened.signer.epoch);
        if (e == nullptr || !verify_signature(place, opened, e->owner_verify_key)) return refuse();
        return opened;
    }
    if (opened.signer.role != Role::Maintainer) return refuse();
    const Certificate certificate = PERDURE_TRY(of_maintainer(opened.signer.enrolment));
    if (certificate.role != Role::Maintainer ||
        !verify_signature(place, opened, certificate.verify_key))
        return refuse();
    return opened;
}

bool Repository::lacks_key_of(ByteView object) const {
    const auto frame = parse_frame(object);
    return frame && frame->sealing == Sealing::IndexKey &&
           !keyring_.domain({frame->domain, frame->generation});
}

// ------------------------------------------------------------------------------------ points

Result<LogRecord> Repository::read_log_entry(SessionName session, ByteView object, Signer* signer,
                                             std::stop_token stop) const {
    const ObjectName name = names::log_entry(session);
    PERDURE_TRY(enrolments(stop));
    // A barrier in a writer's log is a maintainer's; a session is the writer's own.
    auto by_writer = open_by_writer(ObjectType::LogEntry, name, session.writer, object);
    const OpenedRecord opened =
        by_writer ? std::move(*by_writer)
                  : PERDURE_TRY(open_by_maintainer(ObjectType::LogEntry, name, object));
    LogRecord record = PERDURE_TRY(decode_log_record(opened.body).context(name.text()));
    if (record.session != session)
        return Error(ErrorKind::Corrupt, name.text() + ": is another entry's record");
    const Role role = opened.signer.role;
    const bool own = opened.signer.enrolment == session.writer && role != Role::Owner;
    // A maintainer puts a barrier into its own log too.
    const bool decides = role == Role::Owner || role == Role::Maintainer;
    if (record.kind == LogKind::Session ? !own : !decides)
        return Error(ErrorKind::Corrupt, name.text() + ": was signed by the wrong role");
    if (signer != nullptr) *signer = opened.signer;
    return record;
}

Result<LogRecord> Repository::load_log_entry(SessionName session, Digest* digest,
                                             std::stop_token stop) const {
    const Buffer object = PERDURE_TRY(load_original(names::log_entry(session), stop));
    if (digest != nullptr) *digest = digest_of(object);
    return read_log_entry(session, object, nullptr, stop);
}

Result<void> Repository::check_may(const PointHeader& header,
                                   const Certificate& certificate) const {
    const auto allowed = [](const auto& list, const auto& value) {
        return list.empty() || std::find(list.begin(), list.end(), value) != list.end();
    };
    if (is_point(header.kind) && !allowed(certificate.hosts, header.host))
        return Error(ErrorKind::Denied,
                     "its writer may not make points of host \"" + header.host + "\"");
    // These two speak for the points of others: nobody may make them who was not asked to.
    const bool speaks_for_others = header.kind == EndKind::Repaired || header.kind == EndKind::Copy;
    const bool may_speak = certificate.role == Role::Maintainer || !certificate.kinds.empty();
    const bool verifier = certificate.role == Role::Verifier && header.kind != EndKind::EndRecord;
    const bool limited = is_point(header.kind) &&
                         !allowed(certificate.kinds, static_cast<std::uint32_t>(header.kind));
    if (limited || verifier || (speaks_for_others && !may_speak))
        return Error(ErrorKind::Denied, "its writer may not make points of this kind");
    if (!allowed(certificate.classes, header.retention_class))
        return Error(ErrorKind::Denied, "its writer may not use this retention class");
    return {};
}

Result<void> Repository::may_end(const PointHeader& header, WriterNumber writer,
                                 std::stop_token stop) const {
    return check_may(header, PERDURE_TRY(certificate_of(writer, stop)))
        .context("writer " + std::to_string(number(writer)));
}

Result<Point> Repository::read_point(SessionName session, ByteView object,
                                     std::stop_token stop) const {
    const ObjectName name = names::point(session);
    const Certificate certificate =
        PERDURE_TRY(certificate_of(session.writer, stop).context(name.text()));
    auto own = open_by_writer(ObjectType::Point, name, session.writer, object);
    const bool by_writer = own.has_value();
    if (!own) {
        auto decided = open_by_maintainer(ObjectType::Point, name, object);
        if (!decided) return std::move(own).error();
        own = std::move(decided);
    }
    Point point;
    point.header = PERDURE_TRY(decode_point_header(own->body).context(name.text()));
    point.digest = digest_of(object);
    const PointHeader& header = point.header;
    const auto bad = [&](std::string why) {
        return Error(ErrorKind::Corrupt, name.text() + ": " + std::move(why));
    };
    if (header.session != session) return bad("is another session's record");
    // A fence is a maintainer's or the owner's to sign. The number may be that maintainer's own: of
    // a repack or a copy that died.
    const bool is_fence = header.kind == EndKind::Fence;
    const bool may_sign =
        is_fence ? !by_writer || open_by_maintainer(ObjectType::Point, name, object).has_value()
                 : by_writer;
    if (!may_sign) return bad("was signed by the wrong role");
    if (by_writer && !is_fence) PERDURE_TRY(check_may(header, certificate).context(name.text()));
    if (const Revocation* r = epoch().revocation_of(session.writer);
        r != nullptr && number(session.session) > number(r->last_number))
        return Error(ErrorKind::Denied, name.text() + ": was written after its writer was revoked");
    const auto retired = PERDURE_TRY(retired_at(session.writer, stop));
    if (retired && number(session.session) > number(*retired))
        return Error(ErrorKind::Denied, name.text() + ": was written after its writer was retired");
    const ByteView body = object.subspan(own->framed_size);
    if (header.body ? body.empty() || digest_of(body) != *header.body : !body.empty())
        return bad("its body is not the one its header names");
    point.tags = header.tags;
    return point;
}

/// A point, with the log entry that it names. `objects`: as they were listed, if they were.
Result<Point> Repository::read_end(SessionName session, ByteView object, const EndObjects* objects,
                                   std::stop_token stop) const {
    Point point = PERDURE_TRY(read_point(session, object, stop));
    const auto read_log = [&](const Buffer& log) -> Result<Digest> {
        PERDURE_TRY(read_log_entry(session, log, nullptr, stop));
        return digest_of(log);
    };
    const auto load_log = [&]() -> Result<Digest> {
        return read_log(PERDURE_TRY(load_original(names::log_entry(session), stop)));
    };
    const Digest log = PERDURE_TRY((objects != nullptr && objects->log
                                        ? read_record<Digest>(*objects->log, read_log, stop)
                                        : load_log())
                                       .context(names::point(session).text()));
    if (log != point.header.log_entry)
        return Error(ErrorKind::Corrupt,
                     names::point(session).text() + ": names another log entry than the one there");
    return point;
}

Result<Point> Repository::load_point(SessionName session, std::stop_token stop) const {
    const Buffer object = PERDURE_TRY(store_.load(names::point(session), ByteRange::all(), stop));
    return read_end(session, object, nullptr, stop);
}

Result<PointBody> Repository::load_body(const Point& point, std::stop_token stop) const {
    const ObjectName name = names::point(point.session());
    if (!point.header.body) return Error(ErrorKind::InvalidInput, name.text() + ": has no content");
    const SessionSecret secret = PERDURE_TRY(
        keyring_.open_secret(config_.repository, point.session(), point.header.sealed_secret)
            .context(name.text()));
    const Buffer object = PERDURE_TRY(store_.load(name, ByteRange::all(), stop));
    if (digest_of(object) != point.digest)
        return Error(ErrorKind::Corrupt, name.text() + ": changed while it was read");
    const FrameHeader header = PERDURE_TRY(parse_frame(object));
    const ByteView body =
        ByteView(object).subspan(kFrameHeaderSize + header.payload_length + kFrameTrailerSize);
    const auto opened =
        PERDURE_TRY(open_record({config_.repository, ObjectType::PointBody, name.text()}, body,
                                [&](const FrameHeader&) -> Result<Key256> { return secret; }));
    return decode_point_body(opened.body).context(name.text());
}

Result<std::shared_ptr<const Index>> Repository::load_index(SessionName session,
                                                            std::optional<Digest> expected,
                                                            std::stop_token stop,
                                                            IndexParts parts) const {
    return read_index(session,
                      PERDURE_TRY(store_.load(names::index(session), ByteRange::all(), stop)),
                      expected, parts);
}

Result<std::shared_ptr<const Index>> Repository::read_index(SessionName session, Buffer object,
                                                            std::optional<Digest> expected,
                                                            IndexParts parts) const {
    const ObjectName name = names::index(session);
    if (expected && digest_of(object) != *expected)
        return Error(ErrorKind::Corrupt, name.text() + ": is not the index its point names");
    const auto opened =
        PERDURE_TRY(open_by_writer(ObjectType::Index, name, session.writer, object));
    object = {};  // may be large, as what is made of it
    auto index =
        std::make_shared<Index>(PERDURE_TRY(decode_index(opened.body, parts).context(name.text())));
    if (index->session != session)
        return Error(ErrorKind::Corrupt, name.text() + ": is another session's record");
    return std::shared_ptr<const Index>(std::move(index));
}

void Repository::keep_records_in(LocalCache cache) {
    records_ = std::make_unique<RecordCache>(std::move(cache));
}

Result<Repository::ListedPoint> Repository::load_listed(SessionName session,
                                                        const EndObjects& objects,
                                                        std::stop_token stop) const {
    bool lacks_key = false;
    const auto read = [&](const Buffer& object) {
        lacks_key = !is_owner() && lacks_key_of(object);
        return read_end(session, object, &objects, stop);
    };
    ListedPoint listed{session, read_record<Point>(objects.end, read, stop), false};
    if (listed.point) return listed;
    const ErrorKind kind = listed.point.error().kind();
    if (kind == ErrorKind::Cancelled || kind == ErrorKind::Unavailable)
        return std::move(listed.point).error();
    listed.lacks_key = lacks_key;
    return listed;
}

Result<void> Repository::remember_merged(const std::vector<ListedObject>& wanted,
                                         std::stop_token stop) const {
    constexpr std::size_t kWorthIt = 64;  // fewer are read one by one as quickly
    if (!records_ || store_.properties().connections <= 2 || wanted.size() < kWorthIt) return {};
    std::size_t missing = 0;
    for (const ListedObject& listed : wanted)
        if (!records_->has(listed) && ++missing >= kWorthIt) break;
    if (missing < kWorthIt) return {};
    if (merges_read_.with([](bool& read) { return std::exchange(read, true); })) return {};
    const auto read = read_merges(*this, *records_, std::move(stop));
    if (!read && read.error().kind() == ErrorKind::Cancelled) return read.error();
    return {};  // they are for speed
}

/// Each needs two objects, and two signatures verified.
Result<std::vector<Repository::ListedPoint>> Repository::load_points(
    std::optional<WriterNumber> writer, std::vector<Problem>& problems,
    std::stop_token stop) const {
    std::vector<std::pair<SessionName, EndObjects>> found;
    auto ends =
        PERDURE_TRY(list_objects(store_, writer ? names::points_prefix(*writer) : "points/", stop));
    PERDURE_TRY(remember_merged(ends, stop));
    for (ListedObject& end : ends) {
        if (const auto session = names::parse_point(end.name.text()))
            found.emplace_back(*session, EndObjects{std::move(end), std::nullopt});
        else
            problems.push_back({end.name.text(), "is not the name of a point"});
    }
    // Those that are not listed are asked for by name.
    const auto logs = list_objects(store_, writer ? names::log_prefix(*writer) : "log/", stop);
    if (!logs && logs.error().kind() == ErrorKind::Cancelled) return logs.error();
    auto at = found.begin();
    if (logs)
        for (const ListedObject& log : *logs) {
            const auto session = names::parse_log_entry(log.name.text());
            while (session && at != found.end() && at->first < *session) ++at;
            if (session && at != found.end() && at->first == *session) at->second.log = log;
        }
    const SettledNumbers settled = PERDURE_TRY(SettledNumbers::load(*this, writer, problems, stop));
    std::vector<ListedPoint> points;
    points.reserve(found.size());
    const InOrder order = order_records(store_, found.size());
    PERDURE_TRY(make_in_order<ListedPoint>(
        order,
        [&](std::size_t i, std::stop_token by) {
            return load_listed(found[i].first, found[i].second, std::move(by));
        },
        [&](std::size_t, ListedPoint point) -> Result<void> {
            if (point.point && settled.contradicts(point.session, point.point->digest))
                point.point = Error(ErrorKind::Corrupt, names::point(point.session).text() +
                                                            ": is not what closed/ states it was");
            points.push_back(std::move(point));
            return {};
        },
        stop));
    // When the store took them, by its clock.
    for (std::size_t i = 0; i < points.size(); ++i)
        if (points[i].point) points[i].point->stored_ns = found[i].second.end.stat.modified_ns;
    return points;
}

Result<PointList> Repository::list_points(std::stop_token stop) const {
    PointList list;
    std::vector<ListedPoint> ends = PERDURE_TRY(load_points(std::nullopt, list.problems, stop));
    for (ListedPoint& listed : ends) {
        if (listed.lacks_key)
            ++list.unreadable;
        else if (!listed.point)
            list.problems.push_back(
                {names::point(listed.session).text(), listed.point.error().describe()});
        else if (is_point(listed.point->header.kind))
            list.points.push_back(std::move(*listed.point));
    }
    PERDURE_TRY(apply_fates(list.points, list.problems, stop));
    PERDURE_TRY(settle_imports(list, stop));
    settle_repairs(list);
    std::stable_sort(list.points.begin(), list.points.end(), [](const Point& a, const Point& b) {
        return a.header.finished_ns < b.header.finished_ns;
    });
    const auto expired = std::stable_partition(list.points.begin(), list.points.end(),
                                               [](const Point& p) { return !p.expired; });
    list.expired.assign(std::make_move_iterator(expired),
                        std::make_move_iterator(list.points.end()));
    list.points.erase(expired, list.points.end());
    return list;
}

Result<void> Repository::add_fate(const Point& point, Fate fate, std::stop_token stop) {
    if (!is_owner()) return not_owner("deciding about a point");
    const DomainKeys domain = PERDURE_TRY(domain_keys());
    fate.point = {point.session(), point.digest};
    fate.time_ns = clock_.now().nanoseconds;
    for (fate.number = 1;; ++fate.number) {
        const ObjectName name = names::fate(point.session(), fate.number);
        const Buffer object = seal_record(
            {config_.repository, ObjectType::Fate, name.text()}, encode_fate(fate),
            sign_as_owner(keyring_.owner(), epoch().number),
            {Sealing::IndexKey, domain.index_key, domain.name.domain, domain.name.generation});
        auto created = create_same(store_, name, object, stop);
        if (created || created.error().kind() != ErrorKind::AlreadyExists) return created;
    }
}

}  // namespace perdure
