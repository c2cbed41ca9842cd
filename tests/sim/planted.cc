#include "planted.h"

#include <algorithm>
#include <mutex>

#include "repo/collection_records.h"
#include "repo/record.h"

namespace perdure::sim {

namespace {

bool is_pack(const ObjectName& name) { return names::parse_pack(name.text()).has_value(); }
bool is_list(const ObjectName& name) {
    const auto k = names::parse_collection(name.text());
    return k && names::condemned_list(*k) == name;
}
bool is_verdict(const ObjectName& name) {
    const auto k = names::parse_collection(name.text());
    return k && names::verdict(*k) == name;
}

/// One run of a kind; passes all on.
class Passing : public StoreDecorator {
public:
    Passing(Store& inner, World& world, Place place)
        : StoreDecorator(inner), world_(world), place_(place) {}

protected:
    bool one_in(std::uint64_t n) {
        const std::lock_guard lock(mutex_);
        return world_.bug_random().below(n) == 0;
    }
    /// Past every fault and rule.
    MemoryStore& memory() { return world_.memory(place_); }

    World& world_;
    const Place place_;
    std::mutex mutex_;
};

// ---------------------------------------------------------------- what is created

using Concerns = std::function<bool(const ObjectName&)>;

/// Says that it created what it did not.
class LosesCreated final : public Passing {
public:
    LosesCreated(Store& inner, World& world, Place place, Concerns concerns, std::uint64_t n)
        : Passing(inner, world, place), concerns_(std::move(concerns)), n_(n) {}
    Result<void> create(const ObjectName& n, ByteView b, std::stop_token s) override {
        if (concerns_(n) && one_in(n_)) return {};
        return inner_.create(n, b, s);
    }

private:
    const Concerns concerns_;
    const std::uint64_t n_;
};

/// Forgets, once the run is over, what it had said was durable.
class ForgetsCreated final : public Passing {
public:
    ForgetsCreated(Store& inner, World& world, Place place, Concerns concerns, std::uint64_t n)
        : Passing(inner, world, place), concerns_(std::move(concerns)), n_(n) {}
    ~ForgetsCreated() override {
        for (const ObjectName& name : made_)
            static_cast<void>(memory().remove(name, {}).has_value());
    }
    Result<void> create(const ObjectName& n, ByteView b, std::stop_token s) override {
        auto done = inner_.create(n, b, s);
        if (done && concerns_(n) && one_in(n_)) {
            const std::lock_guard lock(mutex_);
            made_.push_back(n);
        }
        return done;
    }

private:
    const Concerns concerns_;
    const std::uint64_t n_;
    std::vector<ObjectName> made_;
};

/// Stores other bytes than it was given.
class ChangesCreated final : public Passing {
public:
    using Change = std::function<void(Buffer&)>;
    ChangesCreated(Store& inner, World& world, Place place, Concerns concerns, Change change)
        : Passing(inner, world, place),
          concerns_(std::move(concerns)),
          change_(std::move(change)) {}
    Result<void> create(const ObjectName& n, ByteView b, std::stop_token s) override {
        if (!concerns_(n) || !one_in(3)) return inner_.create(n, b, s);
        Buffer other = to_buffer(b);
        change_(other);
        return inner_.create(n, other, s);
    }

private:
    const Concerns concerns_;
    const Change change_;
};

/// Puts the bytes of one pack under the name of another.
class SwapsPacks final : public Passing {
public:
    using Passing::Passing;
    Result<void> create(const ObjectName& n, ByteView b, std::stop_token s) override {
        Buffer other = to_buffer(b);
        if (is_pack(n)) {
            const std::lock_guard lock(mutex_);
            if (!last_.empty()) other.swap(last_);
            last_ = to_buffer(b);
        }
        return inner_.create(n, other, s);
    }

private:
    Buffer last_;
};

/// Says that a name is taken that is free.
class SaysItIsThere final : public Passing {
public:
    using Passing::Passing;
    Result<void> create(const ObjectName& n, ByteView b, std::stop_token s) override {
        if (is_pack(n) && one_in(2)) return Error(ErrorKind::AlreadyExists, n.text());
        return inner_.create(n, b, s);
    }
};

/// Says that the disk is full when it is not.
class SaysItIsFull final : public Passing {
public:
    using Passing::Passing;
    Result<void> create(const ObjectName& n, ByteView b, std::stop_token s) override {
        if (is_pack(n) && one_in(4)) return Error(ErrorKind::NoSpace, n.text());
        return inner_.create(n, b, s);
    }
};

/// Takes a fence under its own name for its commit.
class TakesFenceForCommit final : public Passing {
public:
    using Passing::Passing;
    Result<void> create(const ObjectName& n, ByteView b, std::stop_token s) override {
        auto done = inner_.create(n, b, s);
        if (!names::parse_point(n.text())) return done;
        const std::lock_guard lock(mutex_);
        mine_[n] = to_buffer(b);
        if (!done && done.error().kind() == ErrorKind::AlreadyExists) return {};
        return done;
    }
    Result<Buffer> load(const ObjectName& n, ByteRange r, std::stop_token s) override {
        {
            const std::lock_guard lock(mutex_);
            if (const auto at = mine_.find(n); at != mine_.end()) return at->second;
        }
        return inner_.load(n, r, s);
    }

private:
    std::map<ObjectName, Buffer> mine_;
};

// ---------------------------------------------------------------- what a session reads

/// The lists that a session must obey seem empty to it: all, or those made since it began.
class IgnoresLists final : public Passing {
public:
    IgnoresLists(Store& inner, World& world, Place place, bool only_new)
        : Passing(inner, world, place) {
        if (!only_new) return;
        for (const auto& [name, bytes] : memory().contents())
            if (name.starts_with("gc/")) known_.insert(name);
    }
    Result<Buffer> load(const ObjectName& n, ByteRange r, std::stop_token s) override {
        auto loaded = inner_.load(n, r, s);
        if (!loaded || known_.contains(n.text())) return loaded;
        if (is_verdict(n)) return Error(ErrorKind::NotFound, n.text());
        if (!is_list(n)) return loaded;
        const Maintainer& forger = world_.forger();
        CondemnedList list;
        list.number = *names::parse_collection(n.text());
        return forger.seal(ObjectType::CondemnedList, n,
                           encode_condemned_list(list, forger.domain()));
    }

private:
    std::set<std::string> known_;
};

// ---------------------------------------------------------------- what a collector does

/// Takes every open session for fenced: nobody is waited for.
class DoesNotWait final : public Passing {
public:
    using Passing::Passing;
    Result<Buffer> load(const ObjectName& n, ByteRange r, std::stop_token s) override {
        auto loaded = inner_.load(n, r, s);
        const auto session = names::parse_point(n.text());
        if (loaded || loaded.error().kind() != ErrorKind::NotFound || !session) return loaded;
        const auto entry = memory().load(names::log_entry(*session), ByteRange::all(), {});
        if (!entry) return loaded;
        PointHeader header;
        header.kind = EndKind::Fence;
        header.session = *session;
        header.log_entry = digest_of(*entry);
        header.started_ns = header.finished_ns = world_.clock().now().nanoseconds;
        header.program = program_name();
        return world_.forger().seal(ObjectType::Point, n, encode_point_header(header));
    }
};

Result<CondemnedList> list_of(World& world, Store& store, std::uint64_t k) {
    const ObjectName name = names::condemned_list(k);
    auto object = store.load(name, ByteRange::all(), {});
    if (!object) return std::move(object).error();
    const auto opened =
        world.forger().repository().open_by_maintainer(ObjectType::CondemnedList, name, *object);
    if (!opened) return opened.error();
    return decode_condemned_list(opened->body);
}

/// A verdict that drops the whole list: what was counted again decides nothing.
class DropsTheWholeList final : public Passing {
public:
    using Passing::Passing;
    Result<void> create(const ObjectName& n, ByteView b, std::stop_token s) override {
        if (!is_verdict(n)) return inner_.create(n, b, s);
        const std::uint64_t k = *names::parse_collection(n.text());
        const auto list = list_of(world_, memory(), k);
        const Maintainer& forger = world_.forger();
        const auto opened = forger.repository().open_by_maintainer(ObjectType::Verdict, n, b);
        if (!list || !opened) return inner_.create(n, b, s);
        CollectionVerdict verdict = *decode_verdict(opened->body);
        verdict.dropped = list->packs;
        return inner_.create(
            n, forger.seal(ObjectType::Verdict, n, encode_verdict(verdict, forger.domain())), s);
    }
};

/// Condemns a pack that nobody looked at, and drops it.
class CondemnsAnything final : public Passing {
public:
    using Passing::Passing;
    Result<void> create(const ObjectName& n, ByteView b, std::stop_token s) override {
        const Maintainer& forger = world_.forger();
        if (is_list(n)) {
            const auto opened =
                forger.repository().open_by_maintainer(ObjectType::CondemnedList, n, b);
            CondemnedList list = *decode_condemned_list(opened->body);
            for (const auto& [name, bytes] : memory().contents())
                if (const auto pack = names::parse_pack(name); pack && one_in(3))
                    if (std::find(list.packs.begin(), list.packs.end(), pack->pack) ==
                        list.packs.end())
                        list.packs.push_back(pack->pack);
            return inner_.create(n,
                                 forger.seal(ObjectType::CondemnedList, n,
                                             encode_condemned_list(list, forger.domain())),
                                 s);
        }
        return drops_.create(n, b, s);
    }

private:
    DropsTheWholeList drops_{inner_, world_, place_};
};

/// Deletes what a list condemns as soon as the list is made.
class DeletesAtOnce final : public Passing {
public:
    using Passing::Passing;
    Result<void> create(const ObjectName& n, ByteView b, std::stop_token s) override {
        auto done = inner_.create(n, b, s);
        if (!done || !is_list(n)) return done;
        const auto list = list_of(world_, memory(), *names::parse_collection(n.text()));
        if (!list) return done;
        for (const auto& [name, bytes] : memory().contents())
            if (const auto pack = names::parse_pack(name);
                pack &&
                std::find(list->packs.begin(), list->packs.end(), pack->pack) != list->packs.end())
                static_cast<void>(memory().remove(*ObjectName::parse(name), {}).has_value());
        return done;
    }
};

/// Its barriers reach no log.
class PutsNoBarriers final : public Passing {
public:
    using Passing::Passing;
    Result<void> create(const ObjectName& n, ByteView b, std::stop_token s) override {
        if (!n.text().starts_with("log/") || is_own(n)) return inner_.create(n, b, s);
        const std::lock_guard lock(mutex_);
        if (memory().stat(n, {})) return Error(ErrorKind::AlreadyExists, n.text());
        seen_[n] = to_buffer(b);
        return {};
    }
    Result<Buffer> load(const ObjectName& n, ByteRange r, std::stop_token s) override {
        {
            const std::lock_guard lock(mutex_);
            if (const auto at = seen_.find(n); at != seen_.end()) return at->second;
        }
        return inner_.load(n, r, s);
    }

private:
    /// A session of a repack, or of a maintainer: writers have the lowest numbers here.
    static bool is_own(const ObjectName& n) {
        const auto session = names::parse_log_entry(n.text());
        return !session || number(session->writer) > 2;
    }
    std::map<ObjectName, Buffer> seen_;
};

/// Takes fences away once their list has a verdict.
class FreesNumbers final : public Passing {
public:
    using Passing::Passing;
    Result<void> create(const ObjectName& n, ByteView b, std::stop_token s) override {
        auto done = inner_.create(n, b, s);
        if (!done) return done;
        if (names::parse_point(n.text())) fences_.push_back(n);
        if (is_verdict(n))
            for (const ObjectName& fence : fences_)
                static_cast<void>(memory().remove(fence, {}).has_value());
        return done;
    }

private:
    std::vector<ObjectName> fences_;
};

/// Deletes lists once their verdicts stand.
class PrunesLists final : public Passing {
public:
    using Passing::Passing;
    Result<void> create(const ObjectName& n, ByteView b, std::stop_token s) override {
        auto done = inner_.create(n, b, s);
        if (done && is_verdict(n))
            static_cast<void>(
                memory()
                    .remove(names::condemned_list(*names::parse_collection(n.text())), {})
                    .has_value());
        return done;
    }
};

/// Makes its list only when all barriers stand.
class ListsAfterBarriers final : public Passing {
public:
    using Passing::Passing;
    Result<void> create(const ObjectName& n, ByteView b, std::stop_token s) override {
        const std::lock_guard lock(mutex_);
        if (is_list(n)) {
            if (memory().stat(n, {})) return Error(ErrorKind::AlreadyExists, n.text());
            held_.emplace(n, to_buffer(b));
            return {};
        }
        if (is_verdict(n) && held_) {
            auto made = inner_.create(held_->first, held_->second, s);
            held_.reset();
            if (!made) return made;
        }
        return inner_.create(n, b, s);
    }
    Result<Buffer> load(const ObjectName& n, ByteRange r, std::stop_token s) override {
        {
            const std::lock_guard lock(mutex_);
            if (held_ && held_->first == n) return held_->second;
        }
        return inner_.load(n, r, s);
    }

private:
    std::optional<std::pair<ObjectName, Buffer>> held_;
};

/// Removes another pack than it was told to.
class RemovesAnother final : public Passing {
public:
    using Passing::Passing;
    Result<void> remove(const ObjectName& n, std::stop_token s) override {
        if (!is_pack(n)) return inner_.remove(n, s);
        std::vector<std::string> packs;
        for (const auto& [name, bytes] : memory().contents())
            if (names::parse_pack(name)) packs.push_back(name);
        if (packs.empty()) return inner_.remove(n, s);
        return inner_.remove(*ObjectName::parse(packs[world_.bug_random().below(packs.size())]), s);
    }
};

/// With every pack it removes an index that is needed.
class RemovesIndexes final : public Passing {
public:
    using Passing::Passing;
    Result<void> remove(const ObjectName& n, std::stop_token s) override {
        auto done = inner_.remove(n, s);
        if (!is_pack(n)) return done;
        for (const auto& [name, bytes] : memory().contents())
            if (names::parse_index(name) && one_in(3))
                static_cast<void>(memory().remove(*ObjectName::parse(name), {}).has_value());
        return done;
    }
};

class RemovesNothing final : public Passing {
public:
    using Passing::Passing;
    Result<void> remove(const ObjectName&, std::stop_token) override { return {}; }
};

/// Packs of sessions that have not ended count as left over by nobody: gone once it has looked.
class TakesOpenForOrphans final : public Passing {
public:
    using Passing::Passing;
    Result<void> list(std::string_view prefix, const ListFn& fn, std::stop_token s) override {
        auto done = inner_.list(prefix, fn, s);
        if (prefix != "packs/") return done;
        for (const auto& [name, bytes] : memory().contents()) {
            const auto pack = names::parse_pack(name);
            if (pack && !memory().stat(names::point(pack->pack.session), {}))
                static_cast<void>(memory().remove(*ObjectName::parse(name), {}).has_value());
        }
        return done;
    }
};

// ---------------------------------------------------------------- what is read

/// Ranges begin one byte late.
class ReadsBesideTheRange final : public Passing {
public:
    using Passing::Passing;
    Result<Buffer> load(const ObjectName& n, ByteRange r, std::stop_token s) override {
        if (r.offset != 0 && r.length != ByteRange::kToEnd && one_in(2)) --r.offset;
        return inner_.load(n, r, s);
    }
};

/// What is put back is not.
class PutsNothingBack final : public Passing {
public:
    using Passing::Passing;
    Result<void> put_back(const ObjectName&, ByteView, std::stop_token) override { return {}; }
    Result<void> create(const ObjectName& n, ByteView b, std::stop_token s) override {
        if (is_pack(n)) return {};
        return inner_.create(n, b, s);
    }
};

// ---------------------------------------------------------------- the list

template <class Bug, class... Args>
PlantedBug bug(std::string name, std::initializer_list<RunKind> kinds, Place at, Args... args) {
    PlantedBug planted;
    planted.name = std::move(name);
    planted.plant = [kinds = std::vector<RunKind>(kinds), at, args...](
                        Store& inner, World& world, Place place,
                        RunKind kind) -> std::unique_ptr<Store> {
        if (place != at || std::find(kinds.begin(), kinds.end(), kind) == kinds.end())
            return nullptr;
        return std::make_unique<Bug>(inner, world, place, args...);
    };
    return planted;
}

void add_bugs_of_stores(std::vector<PlantedBug>& all) {
    const auto writer = {RunKind::Backup};
    const Concerns pack = is_pack;
    const Concerns index = [](const ObjectName& n) {
        return names::parse_index(n.text()).has_value();
    };
    const Concerns point = [](const ObjectName& n) {
        return names::parse_point(n.text()).has_value();
    };
    const Concerns fate = [](const ObjectName& n) {
        return names::parse_fate(n.text()).has_value();
    };
    const std::uint64_t often = 3;
    all.push_back(bug<LosesCreated>("PackNotStored", writer, Place::Main, pack, often));
    all.push_back(bug<LosesCreated>("IndexNotStored", writer, Place::Main, index, often));
    all.push_back(bug<LosesCreated>("FateNotStored", {RunKind::Expirer}, Place::Main, fate, often));
    all.push_back(bug<ForgetsCreated>("PackNotDurable", writer, Place::Main, pack, often));
    all.push_back(bug<ForgetsCreated>("IndexNotDurable", writer, Place::Main, index, often));
    all.push_back(bug<ForgetsCreated>("PointNotDurable", writer, Place::Main, point, often));
    all.push_back(bug<ChangesCreated>("PackCutShort", writer, Place::Main, pack,
                                      [](Buffer& b) { b.resize(b.size() - b.size() / 3); }));
    all.push_back(bug<ChangesCreated>("PackStoredDamaged", writer, Place::Main, pack,
                                      [](Buffer& b) { b[b.size() / 2] ^= std::byte{4}; }));
    all.push_back(bug<SwapsPacks>("PacksSwapped", writer, Place::Main));
    all.push_back(bug<SaysItIsThere>("TakenThoughFree", writer, Place::Main));
    all.push_back(bug<SaysItIsFull>("FullThoughNot", writer, Place::Main));
    all.push_back(bug<ReadsBesideTheRange>("RangeOffByOne", {RunKind::Reader}, Place::Main));
}

void add_bugs_of_the_protocol(std::vector<PlantedBug>& all) {
    const auto writer = {RunKind::Backup};
    const auto collector = {RunKind::Collector};
    all.push_back(bug<TakesFenceForCommit>("FenceTakenForCommit", writer, Place::Main));
    all.push_back(bug<IgnoresLists>("ListsNotObeyed", writer, Place::Main, false));
    all.push_back(bug<IgnoresLists>("ListsReadTooEarly", writer, Place::Main, true));
    all.push_back(bug<DoesNotWait>("NoWait", collector, Place::Main));
    all.push_back(bug<DropsTheWholeList>("NoSecondOr", collector, Place::Main));
    all.push_back(bug<CondemnsAnything>("LivePackCondemned", collector, Place::Main));
    all.push_back(bug<DeletesAtOnce>("DeletionBeforeVerdict", collector, Place::Main));
    all.push_back(bug<PutsNoBarriers>("NoBarriers", collector, Place::Main));
    all.push_back(bug<FreesNumbers>("FreedNumbers", collector, Place::Main));
    all.push_back(bug<PrunesLists>("PrunedLists", collector, Place::Main));
    all.push_back(bug<ListsAfterBarriers>("BarrierBeforeList", collector, Place::Main));
    all.push_back(bug<RemovesAnother>("AnotherPackRemoved", collector, Place::Main));
    all.push_back(bug<RemovesIndexes>("NeededIndexRemoved", collector, Place::Main));
    all.push_back(bug<RemovesNothing>("NothingRemoved", collector, Place::Main));
    all.push_back(bug<TakesOpenForOrphans>("OpenSessionTakenForOrphan", collector, Place::Main));
    all.push_back(bug<ForgetsCreated>("RepackNotDurable", collector, Place::Main, Concerns(is_pack),
                                      std::uint64_t{1}));
}

void add_bugs_of_the_engine(std::vector<PlantedBug>& all) {
    const auto copier = {RunKind::Copier};
    all.push_back(bug<LosesCreated>("CopyOmitsPack", copier, Place::Copy, Concerns(is_pack),
                                    std::uint64_t{3}));
    all.push_back(bug<LosesCreated>("ReplicaOmitsPack", copier, Place::Replica, Concerns(is_pack),
                                    std::uint64_t{3}));
    all.push_back(bug<PutsNothingBack>("RepairDoesNothing", {RunKind::Repairer}, Place::Main));
    PlantedBug expires;
    expires.name = "AnotherPointExpired";
    expires.expires_another = true;
    all.push_back(std::move(expires));
    PlantedBug skips;
    skips.name = "FileLeftOut";
    skips.skips_a_file = true;
    all.push_back(std::move(skips));
    PlantedBug retries;
    retries.name = "RetriesForEver";
    retries.retries_for_ever = true;
    all.push_back(std::move(retries));
}

}  // namespace

const std::vector<PlantedBug>& planted_bugs() {
    static const std::vector<PlantedBug> all = [] {
        std::vector<PlantedBug> bugs;
        add_bugs_of_stores(bugs);
        add_bugs_of_the_protocol(bugs);
        add_bugs_of_the_engine(bugs);
        return bugs;
    }();
    return all;
}

}  // namespace perdure::sim
