// Writers, collectors and expirers of one repository, with the real engine, paused before every
// call to the store and let go one at a time in an order that a seed draws. Of the collectors one
// fences at once in some seeds, and one dies half way, so that others take over what it began.
//
// PERDURE_GC_SEEDS sets how many orders are tried (default 2000; PERDURE_LONG=1 means 50,000),
// PERDURE_GC_SEED the first.

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <optional>
#include <thread>

#include "repo/fates.h"
#include "repo/liveness.h"
#include "repo/moved_blocks.h"
#include "store/store_decorator.h"
#include "support/gc_runs.h"

namespace perdure {
namespace {

constexpr int kWriters = 2;
constexpr int kCollectors = 3;  // the last one dies
constexpr int kExpirers = 2;
constexpr int kActors = kWriters + kCollectors + kExpirers;
constexpr int kMaintainers = 2;  // who may be several actors at once
constexpr int kRounds = 2;

std::uint64_t setting(const char* name, std::uint64_t otherwise) {
    const char* set = std::getenv(name);
    return set != nullptr ? std::strtoull(set, nullptr, 10) : otherwise;
}

/// Lets one call go at a time, once every actor waits with one or has left. An actor that is not
/// waiting computes and will come.
class Turns {
public:
    explicit Turns(std::uint64_t seed) : random_(seed) {
        for (auto& actor : actors_) actor.weight = draw_weight();
    }

    /// Blocks until it is this call's turn; the turn ends with end().
    void begin(int actor) {
        std::unique_lock lock(mutex_);
        Waiting waiting;
        actors_[static_cast<std::size_t>(actor)].calls.push_back(&waiting);
        draw();
        waiting.go.wait(lock, [&] { return waiting.may_go; });
    }
    void end() {
        const std::lock_guard lock(mutex_);
        is_taken_ = false;
        draw();
    }
    void leave(int actor) {
        const std::lock_guard lock(mutex_);
        actors_[static_cast<std::size_t>(actor)].has_left = true;
        draw();
    }

private:
    struct Waiting {
        std::condition_variable go;
        bool may_go = false;
    };
    struct Actor {
        std::deque<Waiting*> calls;
        bool has_left = false;
        std::uint64_t weight = 1;
    };

    /// Some run ahead of others, for a while.
    std::uint64_t draw_weight() { return std::uint64_t{1} << (2 * random_.below(4)); }

    void draw() {
        if (is_taken_) return;
        std::uint64_t sum = 0;
        for (const Actor& actor : actors_) {
            if (actor.has_left && actor.calls.empty()) continue;
            if (actor.calls.empty()) return;
            sum += actor.weight;
        }
        if (sum == 0) return;
        if (random_.below(40) == 0) actors_[random_.below(actors_.size())].weight = draw_weight();
        sum = 0;
        for (const Actor& actor : actors_) sum += actor.calls.empty() ? 0 : actor.weight;
        std::uint64_t drawn = random_.below(sum);
        for (Actor& actor : actors_) {
            if (actor.calls.empty()) continue;
            if (drawn >= actor.weight) {
                drawn -= actor.weight;
                continue;
            }
            is_taken_ = true;
            actor.calls.front()->may_go = true;
            actor.calls.front()->go.notify_one();
            actor.calls.pop_front();
            return;
        }
    }

    std::mutex mutex_;
    std::array<Actor, kActors> actors_;
    bool is_taken_ = false;
    SeededRandom random_;
};

class PausedStore final : public StoreDecorator {
public:
    /// `dies_at`: that call and all later ones are not answered.
    PausedStore(Store& inner, Turns& turns, int actor, std::optional<std::uint64_t> dies_at)
        : StoreDecorator(inner), turns_(turns), actor_(actor), dies_at_(dies_at) {}

    /// Of one connection, so that a seed decides in which order an actor reads.
    StoreProperties properties() const override {
        StoreProperties properties = inner_.properties();
        properties.connections = 1;
        return properties;
    }
    Result<void> create(const ObjectName& n, ByteView b, std::stop_token s) override {
        return in_turn([&] { return inner_.create(n, b, s); });
    }
    Result<Buffer> load(const ObjectName& n, ByteRange r, std::stop_token s) override {
        return in_turn([&] { return inner_.load(n, r, s); });
    }
    Result<ObjectStat> stat(const ObjectName& n, std::stop_token s) override {
        return in_turn([&] { return inner_.stat(n, s); });
    }
    Result<void> list(std::string_view p, const ListFn& f, std::stop_token s) override {
        return in_turn([&] { return inner_.list(p, f, s); });
    }
    Result<void> remove(const ObjectName& n, std::stop_token s) override {
        return in_turn([&] { return inner_.remove(n, s); });
    }

private:
    template <class Call>
    auto in_turn(Call&& call) -> decltype(call()) {
        turns_.begin(actor_);
        struct End {
            ~End() { turns.end(); }
            Turns& turns;
        } const end{turns_};
        if (dies_at_ && calls_++ >= *dies_at_) return Error(ErrorKind::Unavailable, "it has died");
        return call();
    }

    Turns& turns_;
    const int actor_;
    const std::optional<std::uint64_t> dies_at_;
    std::uint64_t calls_ = 0;
};

/// Two roots, so that the packs of pages are needed in part when only one changes.
Roots tree_of(int writer, std::uint64_t i) {
    MemoryTree tree;
    for (std::uint64_t t = 0; t < i; ++t) tree.tick();
    const auto own = static_cast<std::uint64_t>(writer);
    tree.put_file("changes", noise(100 * own + i, 2000));
    // Comes back every other time: content that only an expired point has left.
    tree.put_file("swings", noise(10 + i % 2, 5000));
    MemoryTree same;
    same.put_file("same", noise(own, 3000));
    return {{"/data", tree}, {"/same", same}};
}

template <class T>
T must(Result<T> result) {
    EXPECT_TRUE(result) << result.error().describe();
    return std::move(*result);
}

/// What every order begins with: two points of each writer.
struct Beginning {
    Beginning() {
        RepoFixture fixture;
        fixture.reopen();
        Repository& repository = *fixture.repository;
        for (int w = 0; w < kWriters; ++w)
            writers.push_back(must(enrol(repository, "w" + std::to_string(w), Role::Writer)));
        for (int m = 0; m < kMaintainers; ++m)
            maintainers.push_back(
                must(enrol(repository, "m" + std::to_string(m), Role::Maintainer)));
        for (int w = 0; w < kWriters; ++w)
            for (std::uint64_t i = 0; i < 2; ++i) {
                const Roots roots = tree_of(w, i);
                kept[back_up(repository, writers[static_cast<std::size_t>(w)],
                             "h" + std::to_string(w), roots)
                         .session] = roots;
            }
        contents = fixture.store.contents();
    }

    std::vector<WriterIdentity> writers, maintainers;
    Kept kept;
    MemoryStore::Contents contents;
};

const Beginning& beginning() {
    static const Beginning made;
    return made;
}

class Life {
public:
    explicit Life(std::uint64_t seed) : seed_(seed), turns_(seed), random_(seed + 1) {
        for (const auto& [name, bytes] : beginning().contents)
            store_.plant(*ObjectName::parse(name), bytes);
        kept_ = beginning().kept;
    }

    void run() {
        std::vector<std::unique_ptr<PausedStore>> stores;
        for (int actor = 0; actor < kActors; ++actor)
            stores.push_back(std::make_unique<PausedStore>(store_, turns_, actor, death_of(actor)));
        {
            std::vector<std::jthread> threads;
            for (int actor = 0; actor < kActors; ++actor)
                threads.emplace_back([this, actor, &stores] {
                    act(*stores[static_cast<std::size_t>(actor)], actor);
                    turns_.leave(actor);
                });
        }
        const auto repository = must(open_as_owner());
        expect_live_set_is_stored(*repository);
        for (const auto& [session, roots] : kept_)
            EXPECT_EQ(difference(*repository, must(repository->load_point(session, {})), roots), "")
                << short_text(session) << ", " << which();
        expect_freed();
    }
    std::uint64_t deleted() const { return deleted_; }
    std::uint64_t expired() const { return expired_; }
    std::uint64_t taken_over() const { return taken_over_; }

private:
    std::string which() const {
        return "PERDURE_GC_SEEDS=1 PERDURE_GC_SEED=" + std::to_string(seed_);
    }
    static bool is_doomed(int actor) { return actor == kWriters + kCollectors - 1; }
    std::optional<std::uint64_t> death_of(int actor) {
        return is_doomed(actor) ? std::optional(10 + random_.below(90)) : std::nullopt;
    }
    static const WriterIdentity& identity_of(int actor) {
        const auto at = static_cast<std::size_t>(actor);
        return actor < kWriters ? beginning().writers[at]
                                : beginning().maintainers[(at - kWriters) % kMaintainers];
    }
    Result<std::unique_ptr<Repository>> open(Store& store, const WriterIdentity& identity) {
        Credentials credentials;
        credentials.writer = identity;
        return Repository::open(store, credentials, clock_, system_random(), {});
    }
    Result<std::unique_ptr<Repository>> open_as_owner() {
        Credentials credentials;
        credentials.passphrase = Passphrase("correct horse");
        return Repository::open(store_, credentials, clock_, system_random(), {});
    }

    void act(Store& store, int actor) {
        const auto repository = open(store, identity_of(actor));
        if (!repository) {
            EXPECT_TRUE(is_doomed(actor)) << repository.error().describe() << ", " << which();
            return;
        }
        for (std::uint64_t round = 0; round < kRounds; ++round) {
            if (actor < kWriters)
                back_up(**repository, actor, 2 + round);
            else if (actor < kWriters + kCollectors)
                collect(**repository, actor, round);
            else
                expire_one(**repository, actor);
        }
    }

    void back_up(const Repository& repository, int writer, std::uint64_t i) {
        BackupOptions options;
        options.host = "h" + std::to_string(writer);
        options.workers = 1;
        const Roots roots = tree_of(writer, i);
        std::vector<BackupRoot> sources;
        for (const auto& [name, tree] : roots)
            sources.push_back({name, tree.source(), EndKind::Files});
        Reporter reporter;
        const auto done = run_backup(repository, identity_of(writer), LocalCache(),
                                     std::move(sources), options, reporter, {});
        // Nothing else may end a backup than a fence.
        if (!done) {
            EXPECT_EQ(done.error().kind(), ErrorKind::Fenced)
                << done.error().describe() << ", " << which();
            return;
        }
        const std::lock_guard lock(mutex_);
        kept_[done->point->session()] = roots;
    }

    void collect(const Repository& repository, int actor, std::uint64_t round) {
        // One fences at once, which voids backups; the others wait, and leave lists behind.
        const bool fences = actor == kWriters && (seed_ + round) % 3 == 0;
        const auto done = run_gc(repository, identity_of(actor), gc_options(fences));
        const std::lock_guard lock(mutex_);
        if (!done) {
            // Two that collect at once may get into each other's way; neither may say all is well.
            EXPECT_TRUE(is_doomed(actor) || done.error().kind() == ErrorKind::Unavailable ||
                        done.error().kind() == ErrorKind::Fenced)
                << done.error().describe() << ", " << which();
            return;
        }
        deleted_ += done->collection.deleted.packs;
    }

    /// Tells fates as a maintainer does, of the oldest or the newest.
    void expire_one(const Repository& repository, int actor) {
        SessionName going;
        {
            const std::lock_guard lock(mutex_);
            if (kept_.empty()) return;
            const auto at = random_.below(3) == 0 ? std::prev(kept_.end()) : kept_.begin();
            going = at->first;
            kept_.erase(at);
        }
        const auto fates = FateWriter::open(repository, &identity_of(actor));
        const auto point = repository.load_point(going, {});
        ASSERT_TRUE(fates && point) << which();
        const auto done = fates->expire(*point, "a test", {});
        EXPECT_TRUE(done) << done.error().describe() << ", " << which();
        const std::lock_guard lock(mutex_);
        ++expired_;
    }

    /// Every block that a kept point's summary names lies in a pack that is there: at its birth, or
    /// where an index that counts says that it was moved. So what was deleted is outside the live
    /// set.
    void expect_live_set_is_stored(const Repository& repository) {
        std::set<BirthPack> stored;
        for (const auto& [name, bytes] : store_.contents())
            if (const auto pack = names::parse_pack(name)) stored.insert(pack->pack);
        const auto moved = must(MovedBlocks::load(repository, {}));
        const auto lies_somewhere = [&](const BirthAddress& block) {
            if (stored.contains(block.pack)) return true;
            const auto places = moved->places_of(block);
            return std::any_of(places.begin(), places.end(), [&](const MovedBlock& place) {
                return stored.contains(place.table->pack);
            });
        };
        for (const auto& [session, roots] : kept_) {
            PackRegistry registry;
            const auto point = must(repository.load_point(session, {}));
            const LivenessMarks live = must(load_liveness(repository, point, registry, {}));
            for (std::uint32_t n = 0; n < live.bitmaps().size(); ++n) {
                const std::size_t slots = 64 * live.bitmaps()[n].size();
                for (std::uint32_t slot = 0; slot < slots; ++slot)
                    if (live.contains(PackNumber{n}, slot)) {
                        EXPECT_TRUE(lies_somewhere(registry.address(PackNumber{n}, slot)))
                            << "a live block was deleted, " << which();
                    }
            }
        }
    }

    /// When all is quiet, what the dead one began is taken over and all space is freed.
    void expect_freed() {
        const auto unfinished = [&] {
            std::uint64_t lists = 0, verdicts = 0;
            for (const auto& [name, bytes] : store_.contents()) {
                const auto k = names::parse_collection(name);
                if (!k) continue;
                ++(name == names::verdict(*k).text() ? verdicts : lists);
            }
            return lists - verdicts;
        };
        taken_over_ += unfinished();
        const auto quiet = must(open(store_, beginning().maintainers[1]));
        const auto last = run_gc(*quiet, beginning().maintainers[1], gc_options(true));
        EXPECT_TRUE(last) << last.error().describe() << ", " << which();
        EXPECT_EQ(unfinished(), 0U) << which();
        EXPECT_EQ(what_is_lost(*must(open_as_owner()), kept_), "") << "after all, " << which();
        if (last) deleted_ += last->collection.deleted.packs;
    }

    const std::uint64_t seed_;
    Turns turns_;
    MemoryStore store_;
    FixedClock clock_;
    std::mutex mutex_;
    SeededRandom random_;
    Kept kept_;
    std::uint64_t deleted_ = 0, expired_ = 0, taken_over_ = 0;
};

void print_count(const char* key, std::uint64_t n) {
    std::printf("COUNT %s %llu\n", key, static_cast<unsigned long long>(n));
}

/// Every so many-th order, so that several run side by side.
constexpr std::uint64_t kShards = 4;

class GcInterleaving : public ::testing::TestWithParam<std::uint64_t> {};

TEST_P(GcInterleaving, WhateverTheOrderNoKeptPointLosesABlock) {
    const bool is_long = std::getenv("PERDURE_LONG") != nullptr;
    const std::uint64_t first = setting("PERDURE_GC_SEED", 1);
    const std::uint64_t seeds = setting("PERDURE_GC_SEEDS", is_long ? 50'000 : 2'000);
    std::uint64_t orders = 0, deleted = 0, expired = 0, taken_over = 0;
    for (std::uint64_t seed = first + GetParam(); seed < first + seeds && !HasFailure();
         seed += kShards) {
        Life life(seed);
        life.run();
        ++orders;
        deleted += life.deleted();
        expired += life.expired();
        taken_over += life.taken_over();
    }
    print_count("gc_orders", orders);
    print_count("gc_deleted_packs", deleted);
    print_count("gc_expired_points", expired);
    print_count("gc_lists_taken_over", taken_over);
    EXPECT_GE(deleted, orders) << "the collectors did nothing";
    if (orders >= 100) {
        EXPECT_GT(taken_over, 0U) << "no list was left to another";
    }
}

INSTANTIATE_TEST_SUITE_P(Orders, GcInterleaving, testing::Range<std::uint64_t>(0, kShards),
                         [](const auto& shard) { return "Shard" + std::to_string(shard.param); });

}  // namespace
}  // namespace perdure
