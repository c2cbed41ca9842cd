// Writers, collectors and an expirer of one repository, with the real engine, paused before every
// call to the store and let go one at a time in an order that a seed draws.
//
// PERDURE_GC_SEEDS sets how many orders are tried (default 60), PERDURE_GC_SEED the first.

#include <gtest/gtest.h>

#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <thread>

#include "support/gc_runs.h"

namespace perdure {
namespace {

std::uint64_t setting(const char* name, std::uint64_t otherwise) {
    const char* set = std::getenv(name);
    return set != nullptr ? std::strtoull(set, nullptr, 10) : otherwise;
}

/// Lets one waiting call go at a time.
class Turns {
public:
    explicit Turns(std::uint64_t seed) : random_(seed) {}

    void join(int actor) {
        std::lock_guard lock(mutex_);
        waiting_[actor] = 0;
    }
    void leave(int actor) {
        std::lock_guard lock(mutex_);
        waiting_.erase(actor);
        draw();
    }
    /// Blocks until it is this call's turn; the turn ends with end().
    void begin(int actor) {
        std::unique_lock lock(mutex_);
        ++waiting_[actor];
        draw();
        while (!(turn_ == actor && !taken_)) {
            // An actor that computes keeps the others waiting for a moment only.
            if (changed_.wait_for(lock, std::chrono::milliseconds(2)) == std::cv_status::timeout)
                draw_any();
        }
        taken_ = true;
        --waiting_[actor];
    }
    void end() {
        std::lock_guard lock(mutex_);
        turn_ = kNobody;
        taken_ = false;
        draw();
    }

private:
    static constexpr int kNobody = -1;

    /// Once everybody waits.
    void draw() {
        for (const auto& [actor, calls] : waiting_)
            if (calls == 0) return;
        draw_any();
    }
    void draw_any() {
        if (turn_ != kNobody) return;
        std::vector<int> ready;
        for (const auto& [actor, calls] : waiting_)
            if (calls > 0) ready.push_back(actor);
        if (ready.empty()) return;
        std::uint64_t drawn = 0;
        random_.fill({reinterpret_cast<std::byte*>(&drawn), sizeof drawn});
        turn_ = ready[drawn % ready.size()];
        changed_.notify_all();
    }

    std::mutex mutex_;
    std::condition_variable changed_;
    std::map<int, int> waiting_;  // calls that wait, by actor
    int turn_ = kNobody;
    bool taken_ = false;
    SeededRandom random_;
};

class PausedStore final : public Store {
public:
    PausedStore(Store& inner, Turns& turns, int actor)
        : inner_(inner), turns_(turns), actor_(actor) {}

    StoreProperties properties() const override { return inner_.properties(); }
    Result<void> create(const ObjectName& n, ByteView b, std::stop_token s) override {
        const Turn turn(*this);
        return inner_.create(n, b, s);
    }
    Result<Buffer> load(const ObjectName& n, ByteRange r, std::stop_token s) override {
        const Turn turn(*this);
        return inner_.load(n, r, s);
    }
    Result<ObjectStat> stat(const ObjectName& n, std::stop_token s) override {
        const Turn turn(*this);
        return inner_.stat(n, s);
    }
    Result<void> list(std::string_view p, const ListFn& f, std::stop_token s) override {
        const Turn turn(*this);
        return inner_.list(p, f, s);
    }
    Result<void> remove(const ObjectName& n, std::stop_token s) override {
        const Turn turn(*this);
        return inner_.remove(n, s);
    }

private:
    struct Turn {
        explicit Turn(PausedStore& store) : of(store) { of.turns_.begin(of.actor_); }
        ~Turn() { of.turns_.end(); }
        Turn(const Turn&) = delete;
        Turn& operator=(const Turn&) = delete;
        PausedStore& of;
    };

    Store& inner_;
    Turns& turns_;
    const int actor_;
};

Roots tree_of(int writer, int i) {
    MemoryTree tree;
    for (int t = 0; t < i; ++t) tree.tick();
    // More than a block, so that a pack is needed in part: what follows lies in the next one.
    tree.put_file("changes", noise(static_cast<std::uint64_t>(100 * writer + i), 1'100'000));
    tree.put_file("same", noise(static_cast<std::uint64_t>(writer), 30'000));
    // Comes back every other time: content that only an expired point has left.
    tree.put_file("swings", noise(10 + static_cast<std::uint64_t>(i % 2), 20'000));
    return {{"/data", tree}};
}

class Life {
public:
    explicit Life(std::uint64_t seed) : seed_(seed), turns_(seed) {
        fixture_.reopen();
        for (int w = 0; w < kWriters; ++w)
            writers_.push_back(*enrol(*fixture_.repository, "w" + std::to_string(w), Role::Writer));
        for (int c = 0; c < kCollectors; ++c)
            maintainers_.push_back(
                *enrol(*fixture_.repository, "m" + std::to_string(c), Role::Maintainer));
        for (int w = 0; w < kWriters; ++w) back_up(*fixture_.repository, w, 0);
    }

    void run() {
        std::vector<std::jthread> threads;
        for (int actor = 0; actor < kActors; ++actor) turns_.join(actor);
        for (int actor = 0; actor < kActors; ++actor)
            threads.emplace_back([this, actor] {
                PausedStore store(fixture_.store, turns_, actor);
                Credentials credentials;
                credentials.passphrase = Passphrase("correct horse");
                auto opened =
                    Repository::open(store, credentials, fixture_.clock, system_random(), {});
                EXPECT_TRUE(opened) << opened.error().describe();
                if (opened) act(**opened, actor);
                turns_.leave(actor);
            });
        threads.clear();
        EXPECT_EQ(what_is_lost(*fixture_.must_open("correct horse"), kept()), "")
            << "PERDURE_GC_SEED=" << seed_;
        // And when all is quiet the space of what expired is freed.
        auto quiet = fixture_.must_open("correct horse");
        const auto last = run_gc(*quiet, maintainers_[0], gc_options(true));
        EXPECT_TRUE(last) << last.error().describe() << ", PERDURE_GC_SEED=" << seed_;
        EXPECT_EQ(what_is_lost(*quiet, kept()), "") << "after all, PERDURE_GC_SEED=" << seed_;
        if (last) deleted_ += last->collection.deleted.packs;
    }
    std::uint64_t deleted() const { return deleted_; }

private:
    static constexpr int kWriters = 2;
    static constexpr int kCollectors = 2;
    static constexpr int kActors = kWriters + kCollectors + 1;
    static constexpr int kRounds = 3;

    void act(Repository& repository, int actor) {
        if (actor < kWriters) {
            for (int i = 1; i <= kRounds; ++i) back_up(repository, actor, i);
        } else if (actor < kWriters + kCollectors) {
            // One fences at once, which voids backups; the other waits, and leaves lists behind.
            for (int i = 0; i < 2; ++i) collect(repository, actor - kWriters);
        } else {
            for (int i = 0; i < 3; ++i) expire_one(repository, i);
        }
    }

    void back_up(const Repository& repository, int writer, int i) {
        BackupOptions options;
        options.host = "h" + std::to_string(writer);
        options.workers = 1;
        const Roots roots = tree_of(writer, i);
        std::vector<BackupRoot> sources;
        sources.push_back({"/data", roots.at("/data").source(), EndKind::Files});
        Reporter reporter;
        const auto done = run_backup(repository, writers_[static_cast<std::size_t>(writer)],
                                     LocalCache(), std::move(sources), options, reporter, {});
        // Nothing else may end a backup than a fence.
        if (!done) {
            EXPECT_EQ(done.error().kind(), ErrorKind::Fenced)
                << done.error().describe() << ", PERDURE_GC_SEED=" << seed_;
            return;
        }
        const std::lock_guard lock(mutex_);
        kept_[done->point->session()] = roots;
    }

    void collect(const Repository& repository, int collector) {
        GcOptions options = gc_options(collector == 0 && seed_ % 3 == 0);
        const auto done =
            run_gc(repository, maintainers_[static_cast<std::size_t>(collector)], options);
        // Two that collect at once may get into each other's way; neither may say all is well.
        if (!done) {
            EXPECT_TRUE(done.error().kind() == ErrorKind::Unavailable ||
                        done.error().kind() == ErrorKind::Fenced)
                << done.error().describe() << ", PERDURE_GC_SEED=" << seed_;
            return;
        }
        const std::lock_guard lock(mutex_);
        deleted_ += done->collection.deleted.packs;
    }

    void expire_one(Repository& repository, int i) {
        SessionName oldest;
        {
            const std::lock_guard lock(mutex_);
            if (kept_.empty()) return;
            auto at = kept_.begin();
            if (i % 2 == 1) at = std::prev(kept_.end());
            oldest = at->first;
            kept_.erase(at);
        }
        const auto done = expire(repository, oldest);
        EXPECT_TRUE(done) << done.error().describe();
    }

    Kept kept() {
        const std::lock_guard lock(mutex_);
        return kept_;
    }

    const std::uint64_t seed_;
    Turns turns_;
    RepoFixture fixture_;
    std::vector<WriterIdentity> writers_;
    std::vector<WriterIdentity> maintainers_;
    std::mutex mutex_;
    Kept kept_;
    std::uint64_t deleted_ = 0;
};

TEST(GcInterleaving, WhateverTheOrderNoKeptPointLosesABlock) {
    const std::uint64_t first = setting("PERDURE_GC_SEED", 1);
    const std::uint64_t seeds = setting("PERDURE_GC_SEEDS", 60);
    std::uint64_t deleted = 0;
    for (std::uint64_t seed = first; seed < first + seeds && !HasFailure(); ++seed) {
        Life life(seed);
        life.run();
        deleted += life.deleted();
    }
    std::printf("COUNT gc_orders %llu\nCOUNT gc_deleted_packs %llu\n",
                static_cast<unsigned long long>(seeds), static_cast<unsigned long long>(deleted));
    EXPECT_GT(deleted, seeds) << "the collectors did nothing";
}

}  // namespace
}  // namespace perdure
