// An open repository: the facade over config, epochs, keys, enrolments, points and indexes.
//
// The invariant: whatever this class returns has been authenticated (sealed, signed by someone the
// owner enrolled for it, under the name it was asked by); what has not is reported as a Problem and
// never returned as a point. All methods are thread-safe after open().
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/guarded.h"
#include "base/random.h"
#include "base/result.h"
#include "repo/config.h"
#include "repo/enrolment.h"
#include "repo/index.h"
#include "repo/keyring.h"
#include "repo/point.h"
#include "repo/record_cache.h"
#include "store/store.h"

namespace perdure {

struct Credentials {
    std::optional<Passphrase> passphrase;  // or a recovery key, typed at the same prompt
    std::optional<WriterIdentity> writer;  // a key file, or the local identity
};

struct InitOptions {
    Passphrase passphrase;
    Argon2Cost cost;
    std::string label;
    std::uint32_t chunker_average_log2 = 14;
};
struct InitResult {
    RepositoryId repository;
    std::string recovery_key;
};

/// An object that is there but cannot be believed.
struct Problem {
    std::string object;
    std::string text;
};

struct Point {
    PointHeader header;
    Digest digest;  // of the whole object
    bool expired = false;
    bool is_protected = false;
    std::vector<std::string> tags;  // as they are now
    std::int64_t stored_ns = 0;     // when the store took it, by its clock; 0 unless listed
    std::int64_t expired_ns = 0;    // if it has expired: when, and why
    std::string expired_reason = "";
    SessionName session() const { return header.session; }
};

struct PointList {
    std::vector<Point> points;   // by time, oldest first; what has expired is none of them
    std::vector<Point> expired;  // likewise: their content may be gone
    std::vector<Problem> problems;
    std::size_t unreadable = 0;  // sealed under generations of keys this holder was never given
};

/// A replica numbers its own enrolments from here on, so that they never meet those of the points
/// it holds copies of (FORMAT.md §8).
inline constexpr std::uint32_t kFirstOfReplicas = 0x80000000;

struct EnrolmentList {
    std::map<WriterNumber, Enrolment> by_number;
    WriterNumber first{1};  // where reading began
    std::optional<Digest> last_digest;
    WriterNumber next{1};  // where reading ended: the first one that is not there
    std::vector<Problem> problems;
    std::vector<WriterNumber> unreadable;  // sealed under keys this holder was never given
};

/// A key slot that the newest epoch lists.
struct KeySlotState {
    SlotReference reference;
    std::optional<KeySlot> slot;  // if it is there and whole
    std::string problem;          // else why not: "is missing"
    bool refused = false;         // this credential may not read it: nothing is known of it
};

struct StoredConfig {
    Config config;
    Digest digest;  // of the object
};

class Repository {
public:
    /// Makes a repository in an empty store. The last object created is `perdure`: before it there
    /// is no repository, and an interrupted init is finished by running it again with the same
    /// passphrase. AlreadyExists if there is one; InvalidInput if other things lie in the store.
    static Result<InitResult> initialize(Store&, const InitOptions&, Clock&, Random&,
                                         std::stop_token);

    /// NoRepository, WrongKey, Corrupt (a key slot is damaged), Unsupported (newer format or
    /// feature), Denied (pinned epoch or config differ).
    static Result<std::unique_ptr<Repository>> open(Store&, const Credentials&, Clock&, Random&,
                                                    std::stop_token);
    /// The number its enrolments begin with: 1, or a replica's. For which no key is needed.
    static Result<WriterNumber> read_first_enrolment(Store&, std::stop_token);
    /// The config alone, for which no key is needed. NoRepository, Corrupt.
    static Result<StoredConfig> read_config(Store&, std::stop_token);

    Store& store() const { return store_; }
    Clock& clock() const { return clock_; }
    Random& random() const { return random_; }
    const RepositoryId& id() const { return config_.repository; }
    const Config& config() const { return config_; }
    const Digest& config_digest() const { return config_digest_; }
    const Epoch& epoch() const { return epochs_.back(); }
    const Digest& epoch_digest() const { return epoch_digest_; }
    /// "std" is always there, without a lock unless the owner gave it one. InvalidInput.
    Result<RetentionClass> retention_class(std::string_view name) const;
    /// Objects are locked here as the retention classes say: some class has a lock, and the store
    /// can. From open() on whatever is created is.
    bool locks_objects() const { return locks_objects_; }
    /// Unsupported, with the reason, if classes ask for locks and the store has none.
    Result<void> must_lock() const;
    /// A new epoch in which that class is so, new or in place of the one of its name. Owner only.
    /// InvalidInput if it cannot be, or would weaken what is stored: a lock is not taken from a
    /// class, nor its mode changed. `longest_days`: 0 leaves the cap as it is.
    Result<void> set_retention_class(const RetentionClass&, std::uint32_t longest_days,
                                     std::stop_token);

    /// An object at the name of the next epoch that is none: damaged, or planted. Then this is
    /// read-only.
    const std::optional<Problem>& epoch_problem() const { return epoch_problem_; }
    const Keyring& keyring() const { return keyring_; }
    /// Unsupported if the newest epoch asks writers for a feature this program does not know.
    Result<void> may_write() const;
    bool is_owner() const { return keyring_.is_owner(); }
    /// The generation in use of the default domain.
    DomainName domain_name() const;
    Result<DomainKeys> domain_keys() const { return keyring_.domain(domain_name()); }

    // ---- enrolments
    Result<EnrolmentList> enrolments(std::stop_token) const;
    /// Whether there is a certificate of that number that can be believed.
    bool is_enrolled(WriterNumber writer, std::stop_token stop) const {
        return certificate_of(writer, stop).has_value();
    }
    /// Denied if the certificate of `writer` does not let it end a session so: readers would not
    /// believe it.
    Result<void> may_end(const PointHeader& header, WriterNumber writer,
                         std::stop_token stop) const;
    /// Enrols and returns what the machine must keep. Owner only.
    Result<WriterIdentity> enrol(const Certificate& wanted, std::stop_token);
    /// A new epoch that revokes: numbers of its log above `last` no longer count; open ones up to
    /// it are fenced first; what is written from then on is under a new generation of the domains'
    /// keys. Owner only.
    Result<void> revoke(WriterNumber, SessionNumber last, std::string reason, std::stop_token);

    /// Ends a session that is still open, so that nothing can be committed under its number. Owner
    /// only.
    Result<void> fence(SessionName, std::stop_token);

    // ---- key slots and epochs (all but the first: owner only)
    Result<std::vector<KeySlotState>> key_slots(std::stop_token) const;
    Result<SlotId> add_slot(const Passphrase&, Argon2Cost, std::string label, std::stop_token);
    /// InvalidInput for the last one. The slot object is removed after the epoch that no longer
    /// lists it.
    Result<void> remove_slot(const SlotId&, std::stop_token);
    /// A new seed, slot and recovery key; former seeds sealed to it; domains get a new generation.
    /// The other slots go. Returns the recovery key.
    Result<std::string> rotate(const Passphrase&, Argon2Cost, std::string label, std::stop_token);

    // ---- reading
    /// Only points, never checkpoints or fences.
    Result<PointList> list_points(std::stop_token) const;
    /// All kinds of ends. NotFound; Corrupt with the reason if it cannot be believed.
    Result<Point> load_point(SessionName, std::stop_token) const;
    /// The same of bytes at hand, without a look at its log entry.
    Result<Point> read_point(SessionName, ByteView object, std::stop_token) const;
    Result<PointBody> load_body(const Point&, std::stop_token) const;
    /// `expected`: the digest its point binds, if known.
    Result<std::shared_ptr<const Index>> load_index(SessionName, std::optional<Digest> expected,
                                                    std::stop_token,
                                                    IndexParts = IndexParts::All) const;
    /// The same of bytes at hand.
    Result<std::shared_ptr<const Index>> read_index(SessionName, Buffer object,
                                                    std::optional<Digest> expected,
                                                    IndexParts = IndexParts::All) const;
    Result<LogRecord> load_log_entry(SessionName, Digest* digest, std::stop_token) const;
    /// The same of bytes at hand; `signer`, if not null, becomes who signed them.
    Result<LogRecord> read_log_entry(SessionName, ByteView object, Signer* signer,
                                     std::stop_token) const;
    struct ListedPoint {
        SessionName session;
        Result<Point> point;
        bool lacks_key = false;  // sealed under keys this holder was never given
    };
    /// All kinds of ends, of one writer or of all, by name; several are read at a time. `problems`
    /// gets names that are none of an end, and closed records that cannot be believed.
    Result<std::vector<ListedPoint>> load_points(std::optional<WriterNumber>,
                                                 std::vector<Problem>& problems,
                                                 std::stop_token) const;
    /// The newest believable fates of a point, applied to it.
    Result<void> apply_fates(std::vector<Point>&, std::vector<Problem>&, std::stop_token) const;
    Result<void> add_fate(const Point&, Fate, std::stop_token);

    /// From now on records that were read once come from `cache`, where a listing shows that they
    /// are still there (record_cache.h). Not thread-safe: call it first.
    void keep_records_in(LocalCache cache);
    /// The object, which a listing showed: remembered, or the store's.
    Result<Buffer> load_record(const ListedObject& listed, std::stop_token stop) const {
        return load_listed_object(store_, records_.get(), listed, std::move(stop));
    }
    /// What `parse` makes of the object: of remembered bytes, or of the store's where there are
    /// none or they are Corrupt. `parse` may run twice.
    template <class T, class Parse>
    Result<T> read_record(const ListedObject& listed, const Parse& parse,
                          std::stop_token stop) const {
        if (records_)
            if (const auto known = records_->find(listed)) {
                Result<T> parsed = parse(*known);
                if (parsed || parsed.error().kind() != ErrorKind::Corrupt) return parsed;
                records_->forget(listed.name);
            }
        auto object = load_record(listed, std::move(stop));
        return object ? parse(*object) : Result<T>(std::move(object).error());
    }
    /// Where many of these are not remembered, over a network, those that merges hold are, from now
    /// on (merges.h).
    Result<void> remember_merged(const std::vector<ListedObject>& wanted, std::stop_token) const;
    /// After it was deleted.
    void forget_record(const ObjectName& name) const {
        if (records_) records_->forget(name);
    }

    /// Opens and authenticates a record of `type` that enrolled writer `writer` must have signed.
    Result<OpenedRecord> open_by_writer(ObjectType, const ObjectName&, WriterNumber,
                                        ByteView object) const;
    /// The same for records a maintainer or the owner signs.
    Result<OpenedRecord> open_by_maintainer(ObjectType, const ObjectName&, ByteView object) const;
    Result<OpenedRecord> open_sealed(ObjectType, const ObjectName&, ByteView object) const;
    /// Whether it is a whole record under a generation of keys that this holder was never given.
    bool lacks_key_of(ByteView object) const;

    // ---- replicas: copies of points under the same keys
    /// Whether this is one. Then its keys change only where it was copied from.
    Result<bool> is_replica(std::stop_token) const;
    /// Whether that writer was enrolled elsewhere and is known here by an import alone. Its numbers
    /// are no sessions of this repository: its indexes place nothing, and no barrier, wait, fence
    /// or closed record applies to them.
    Result<bool> is_imported(WriterNumber, std::stop_token) const;
    /// The object of that name, or the one that an import proves it to have been. NotFound.
    Result<Buffer> load_original(const ObjectName&, std::stop_token) const;
    /// Keeps an enrolment or a log entry of the repository this is a replica of. Owner only.
    Result<void> add_import(const ObjectName& original, ByteView object, std::stop_token) const;
    /// Makes `store` a replica without points, or brings its keys up to date: epochs, key slots and
    /// config as they are here. `identity` becomes its first maintainer if it is new. Owner only;
    /// AlreadyExists if another repository lies there.
    Result<std::optional<WriterIdentity>> replicate_keys(Store& store, const std::string& host,
                                                         std::stop_token) const;

    /// Drops remembered enrolments, after one was added elsewhere.
    void forget_enrolments() const;

private:
    Repository(Store& store, Clock& clock, Random& random)
        : store_(store), clock_(clock), random_(random) {}

    Result<void> begin_locking(const std::vector<RetentionClass>& classes, std::stop_token);
    Result<void> load_config(std::stop_token);
    Result<void> load_epochs(std::stop_token);
    Result<void> load_roots(std::stop_token);
    /// Whether the bytes may be the object of that name: false only if they are surely not.
    bool may_be(const ObjectName&, ByteView object) const;
    Result<OpenedRecord> open_epoch(EpochNumber, ByteView object) const;
    Result<void> adopt_writer(const WriterIdentity&);
    Result<void> refuse_lost_epoch(std::stop_token) const;
    Result<Epoch> read_epoch(EpochNumber, ByteView object) const;
    Result<KeySlotState> load_slot(const SlotReference&, std::stop_token) const;
    Result<KeySlotState> load_slot_once(const SlotReference&, std::stop_token) const;
    Result<OwnerSeed> seed_from(const Passphrase&, std::stop_token) const;
    Result<void> adopt_seed(const OwnerSeed&);
    Result<void> publish_epoch(Epoch, const OwnerKeys& signer, const SigningKey* previous_owner,
                               std::stop_token);
    Result<void> check_may(const PointHeader&, const Certificate&) const;
    Result<std::optional<SessionNumber>> retired_at(WriterNumber, std::stop_token) const;
    struct EndObjects {
        ListedObject end;
        std::optional<ListedObject> log;
    };
    Result<Point> read_end(SessionName, ByteView object, const EndObjects*, std::stop_token) const;
    Result<ListedPoint> load_listed(SessionName, const EndObjects&, std::stop_token) const;
    Result<void> renew_domains(Epoch&, EpochNumber seed_epoch, const OwnerSeed&,
                               std::stop_token) const;
    using FindCertificate = std::function<Result<Certificate>(WriterNumber)>;
    Result<OpenedRecord> open_decided(ObjectType, const ObjectName&, ByteView object,
                                      const FindCertificate& of_maintainer) const;
    Result<Enrolment> read_enrolment(WriterNumber, ByteView object, const EnrolmentList& before,
                                     bool* rotated_away = nullptr) const;
    Result<Certificate> certificate_of(WriterNumber, std::stop_token) const;
    Result<std::map<WriterNumber, Buffer>> load_enrolments_from(WriterNumber first,
                                                                std::stop_token) const;
    Result<Certificate> own_certificate_of(WriterNumber, std::stop_token) const;
    Result<Certificate> imported_certificate_of(WriterNumber, std::stop_token) const;
    Result<Buffer> load_import(const ObjectName& original, std::stop_token) const;
    struct NewEnrolment {
        Buffer object;
        WriterIdentity identity;
    };
    Result<NewEnrolment> make_enrolment(WriterNumber, std::optional<Digest> previous,
                                        Certificate) const;
    Result<NewEnrolment> enrol_first(Store& replica, Certificate, std::stop_token) const;
    Result<void> settle_imports(PointList&, std::stop_token) const;
    static void settle_repairs(PointList&);
    Result<void> replicate_slots(Store&, std::stop_token) const;
    Result<void> skip_gap(EnrolmentList&, std::stop_token) const;
    const Epoch* find_epoch(EpochNumber) const;

    Store& store_;
    Clock& clock_;
    Random& random_;
    Config config_;
    Digest config_digest_;
    std::vector<Epoch> epochs_;
    Digest epoch_digest_;  // of the newest
    std::optional<Problem> epoch_problem_;
    Keyring keyring_;
    bool locks_objects_ = false;
    std::shared_ptr<const bool> alive_ = std::make_shared<const bool>(true);  // for the judge
    mutable Guarded<std::optional<EnrolmentList>> enrolments_;
    mutable Guarded<std::map<WriterNumber, Certificate>> imported_;
    std::unique_ptr<RecordCache> records_;
    mutable Guarded<bool> merges_read_{false};
};

/// One of these that this program does not know.
std::optional<std::string> unknown_feature(const std::vector<std::string>& features);

/// This program, as records name it: "perdure 0.1.0".
std::string program_name();

}  // namespace perdure
