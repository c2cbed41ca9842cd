// Crash enumeration over what a repository does to a disk (reliability.md T1): after a power loss
// at any moment every acknowledged point restores identical before anything else is done, nothing
// is half visible, and the next backup works.
//
// PERDURE_CRASH_STATES sets how many states a workflow may show (default 5,000; the long run takes
// 25,000).

#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>

#include "engine/backup.h"
#include "store/local/local_store.h"
#include "support/crash_states.h"
#include "support/disk_faults.h"
#include "support/memory_disk.h"
#include "support/memory_tree.h"

namespace perdure {
namespace {

constexpr Argon2Cost kCheapKdf{1, 8};
const char* const kPassword = "correct horse";
const char* const kNewPassword = "battery staple";

std::size_t states_a_workflow() {
    const char* set = std::getenv("PERDURE_CRASH_STATES");
    return set != nullptr ? std::strtoull(set, nullptr, 10) : 5000;
}

std::string noise(std::uint64_t seed, std::size_t length) {
    SeededRandom random(seed);
    std::string bytes(length, '\0');
    random.fill({reinterpret_cast<std::byte*>(bytes.data()), bytes.size()});
    return bytes;
}

MemoryTree first_tree() {
    MemoryTree tree;
    tree.put_file("a", "alpha");
    tree.put_directory("d");
    tree.put_file("d/big", noise(1, 150'000));
    tree.put_file("d/empty", "");
    tree.put_link("d/link", "../a");
    return tree;
}

MemoryTree second_tree() {
    MemoryTree tree = first_tree();
    tree.tick();
    tree.put_file("a", "alpha, changed");
    tree.put_file("d/new", noise(2, 30'000));
    tree.remove("d/empty");
    return tree;
}

/// A machine with its identity; the disk is what may lose power, the machine's own files are not in
/// question.
class Machine {
public:
    explicit Machine(std::shared_ptr<Disk> disk, bool fresh) {
        auto store = fresh ? LocalStore::initialize_on(disk, "disk", {64 << 10, &system_random()})
                           : LocalStore::open_on(disk, "disk", {64 << 10, &system_random()});
        EXPECT_TRUE(store) << store.error().describe();
        store_ = std::move(*store);
    }

    Result<InitResult> init() {
        InitOptions options;
        options.passphrase = Passphrase(kPassword);
        options.cost = kCheapKdf;
        return Repository::initialize(*store_, options, system_clock(), random_, {});
    }
    Result<std::unique_ptr<Repository>> open(const char* password) {
        Credentials credentials;
        credentials.passphrase = Passphrase(password);
        return Repository::open(*store_, credentials, system_clock(), random_, {});
    }
    Result<WriterIdentity> enrol(Repository& repository) {
        Certificate certificate;
        certificate.name = "host";
        return repository.enrol(certificate, {});
    }
    Result<BackupResult> backup(Repository& repository, const WriterIdentity& identity,
                                const MemoryTree& tree, std::uint64_t checkpoint_seconds = 3600) {
        BackupOptions options;
        options.host = "host";
        options.workers = 1;
        options.checkpoint_seconds = checkpoint_seconds;
        std::vector<BackupRoot> roots;
        roots.push_back({"/data", tree.source(), EndKind::Files});
        Reporter reporter;
        return run_backup(repository, identity, LocalCache(), std::move(roots), options, reporter,
                          {});
    }

private:
    Random& random_ = system_random();
    std::unique_ptr<Store> store_;
};

struct Promise {
    SessionName session;
    MemoryTree tree;
};

/// What must hold of a disk after a crash: `promised` points restore; every listed point restores
/// to one of `known`.
void expect_sound(const DiskImage& image, const std::vector<Promise>& promised,
                  const std::vector<MemoryTree>& known, const char* password, bool then_back_up,
                  const std::string& what) {
    Machine machine(std::make_shared<MemoryDisk>(image), false);
    auto repository = machine.open(password);
    ASSERT_TRUE(repository) << what << ": " << repository.error().describe();
    const auto list = (*repository)->list_points({});
    ASSERT_TRUE(list) << what;
    EXPECT_TRUE(list->problems.empty()) << what << ": " << list->problems.front().text;
    for (const Promise& promise : promised) {
        bool found = false;
        for (const Point& point : list->points) found = found || point.session() == promise.session;
        EXPECT_TRUE(found) << what << ": an acknowledged point is gone";
    }
    for (const Point& point : list->points) {
        auto reader = PointReader::open(**repository, point, 8 << 20, {});
        ASSERT_TRUE(reader) << what << ": " << reader.error().describe();
        const Root& root = (*reader)->body().roots.front();
        const Promise* promise = nullptr;
        for (const Promise& p : promised)
            if (p.session == point.session()) promise = &p;
        std::string best = promise != nullptr ? difference(**reader, root, promise->tree)
                                              : "matches no known tree";
        for (const MemoryTree& tree : known)
            if (promise == nullptr && difference(**reader, root, tree).empty()) best.clear();
        EXPECT_EQ(best, "") << what << ", point " << short_text(point.session());
    }
    if (!then_back_up) return;
    auto identity = machine.enrol(**repository);
    ASSERT_TRUE(identity) << what << ": " << identity.error().describe();
    const MemoryTree tree = second_tree();
    auto again = machine.backup(**repository, *identity, tree);
    ASSERT_TRUE(again) << what << ": the next backup fails: " << again.error().describe();
    EXPECT_EQ(again->outcome, Outcome::Success) << what;
}

/// Runs `step` on a disk that already went through `before`, then shows every crash state of it.
class Workflow {
public:
    explicit Workflow(MemoryDiskOptions options = {})
        : disk(std::make_shared<MemoryDisk>(options)), options_(options) {}

    std::shared_ptr<MemoryDisk> disk;
    std::vector<Promise> promised;  // by mark: promised[i] once mark i+1 was set
    std::vector<MemoryTree> known;
    std::string password = kPassword;
    std::size_t shown = 0;

    /// Everything up to here is durable and promised.
    void settle() {
        disk = std::make_shared<MemoryDisk>(disk->image(), options_);
        settled_ = promised.size();
    }
    void promise(const BackupResult& result, const MemoryTree& tree) {
        promised.push_back({result.point->session(), tree});
        disk->mark(promised.size());
    }
    void show(
        const char* name,
        const std::function<void(const CrashState&, const std::vector<Promise>&, bool)>& oracle) {
        CrashBounds bounds;
        bounds.max_states = states_a_workflow();
        // Spread over the whole history when it has more states than fit.
        const std::size_t prefixes = disk->history().changes.size() + 1;
        bounds.step = std::max<std::size_t>(1, prefixes * 40 / bounds.max_states);
        shown = for_each_crash_state(disk->history(), bounds, [&](const CrashState& state) {
            std::vector<Promise> held(
                promised.begin(),
                promised.begin() + static_cast<std::ptrdiff_t>(settled_ + state.marks.size()));
            oracle(state, held, ++count_ % 16 == 0);
            return !::testing::Test::HasFailure();
        });
        std::printf("%s: %zu crash states\nCOUNT crash_states %zu\n", name, shown, shown);
        EXPECT_TRUE(ordering_violations(disk->history()).empty())
            << ordering_violations(disk->history()).front();
    }
    void show_sound(const char* name) {
        show(name,
             [&](const CrashState& state, const std::vector<Promise>& held, bool then_back_up) {
                 expect_sound(state.image, held, known, password.c_str(), then_back_up,
                              state.description);
             });
    }

private:
    const MemoryDiskOptions options_;
    std::size_t settled_ = 0;
    std::size_t count_ = 0;
};

struct Prepared {
    std::unique_ptr<Machine> machine;
    std::unique_ptr<Repository> repository;
    WriterIdentity identity;
};

Prepared prepare(Workflow& w) {
    Prepared p;
    p.machine = std::make_unique<Machine>(w.disk, true);
    EXPECT_TRUE(p.machine->init());
    p.repository = p.machine->open(kPassword).value();
    p.identity = p.machine->enrol(*p.repository).value();
    return p;
}

/// The same machine on the disk as it is after settle().
Prepared reopen(Workflow& w, const WriterIdentity& identity) {
    Prepared p;
    p.machine = std::make_unique<Machine>(w.disk, false);
    p.repository = p.machine->open(w.password.c_str()).value();
    p.identity = identity;
    return p;
}

TEST(RepositoryCrash, DuringInitLeavesNoRepositoryOrAWholeOne) {
    Workflow w;
    Machine machine(w.disk, true);
    ASSERT_TRUE(machine.init());
    w.disk->mark(1);
    EXPECT_TRUE(ordering_violations(w.disk->history()).empty());
    CrashBounds bounds;
    bounds.max_states = states_a_workflow();
    const std::size_t shown =
        for_each_crash_state(w.disk->history(), bounds, [&](const CrashState& state) {
            const auto survivor = std::make_shared<MemoryDisk>(state.image);
            Machine after(survivor, true);
            auto opened = after.open(kPassword);
            if (!state.marks.empty()) {
                EXPECT_TRUE(opened) << state.description;
            }
            if (!opened) {
                EXPECT_EQ(opened.error().kind(), ErrorKind::NoRepository)
                    << state.description << ": " << opened.error().describe();
                EXPECT_TRUE(after.init()) << state.description;
                opened = after.open(kPassword);
            }
            EXPECT_TRUE(opened) << state.description;
            if (opened) {
                EXPECT_TRUE(after.enrol(**opened)) << state.description;
            }
            return !HasFailure();
        });
    std::printf("COUNT crash_states %zu\n", shown);
}

TEST(RepositoryCrash, DuringAFirstBackupKeepsWhatWasAcknowledged) {
    Workflow w;
    Prepared p = prepare(w);
    w.known = {first_tree()};
    w.settle();
    p = reopen(w, p.identity);
    const auto result = p.machine->backup(*p.repository, p.identity, first_tree());
    ASSERT_TRUE(result) << result.error().describe();
    w.promise(*result, first_tree());
    w.show_sound("first backup");
}

TEST(RepositoryCrash, DuringAnIncrementalKeepsWhatWasAcknowledged) {
    Workflow w;
    Prepared p = prepare(w);
    w.known = {first_tree(), second_tree()};
    w.promise(p.machine->backup(*p.repository, p.identity, first_tree()).value(), first_tree());
    w.settle();
    p = reopen(w, p.identity);
    w.promise(p.machine->backup(*p.repository, p.identity, second_tree()).value(), second_tree());
    w.show_sound("incremental");
}

TEST(RepositoryCrash, AroundCheckpointsKeepsWhatWasAcknowledged) {
    Workflow w;
    Prepared p = prepare(w);
    MemoryTree tree = first_tree();
    for (int i = 0; i < 1100; ++i)
        tree.put_file("d/f" + std::to_string(10000 + i), "content " + std::to_string(i));
    w.known = {tree};
    w.settle();
    p = reopen(w, p.identity);
    const auto result = p.machine->backup(*p.repository, p.identity, tree, 0);
    ASSERT_TRUE(result) << result.error().describe();
    EXPECT_GT(number(result->point->session().session), 1U) << "no checkpoint was made";
    w.promise(*result, tree);
    w.show_sound("checkpoint");
}

// Ways of naming a file leave different states behind: with named drafts there are far more.
std::vector<MemoryDiskOptions> ways_of_naming() {
    MemoryDiskOptions unnamed;
    MemoryDiskOptions links;
    links.unnamed_files = false;
    MemoryDiskOptions renames = links;
    renames.links = false;
    return {unnamed, links, renames};
}

TEST(RepositoryCrash, ThroughALongLifeKeepsEveryAcknowledgedPoint) {
    for (const MemoryDiskOptions& options : ways_of_naming()) {
        Workflow w(options);
        Prepared p = prepare(w);
        w.settle();
        p = reopen(w, p.identity);
        MemoryTree tree = first_tree();
        for (std::uint64_t i = 0; i < 12; ++i) {
            tree.tick();
            tree.put_file("a", "version " + std::to_string(i));
            tree.put_file("d/grows" + std::to_string(i), noise(100 + i, 9'000));
            w.known.push_back(tree);
            const auto result = p.machine->backup(*p.repository, p.identity, tree);
            ASSERT_TRUE(result) << result.error().describe();
            w.promise(*result, tree);
        }
        w.show_sound("long life");
        if (HasFailure()) return;
    }
}

TEST(RepositoryCrash, WhileAddingAKeySlotKeepsTheOldOne) {
    Workflow w;
    Prepared p = prepare(w);
    w.known = {first_tree()};
    w.promise(p.machine->backup(*p.repository, p.identity, first_tree()).value(), first_tree());
    w.settle();
    p = reopen(w, p.identity);
    ASSERT_TRUE(p.repository->add_slot(Passphrase(kNewPassword), kCheapKdf, "second", {}));
    w.show_sound("key add");
}

TEST(RepositoryCrash, WhileRotatingOneOfTheTwoPasswordsOpensEverything) {
    Workflow w;
    Prepared p = prepare(w);
    w.known = {first_tree()};
    w.promise(p.machine->backup(*p.repository, p.identity, first_tree()).value(), first_tree());
    w.settle();
    p = reopen(w, p.identity);
    ASSERT_TRUE(p.repository->rotate(Passphrase(kNewPassword), kCheapKdf, "rotated", {}));
    w.show("rotate",
           [&](const CrashState& state, const std::vector<Promise>& held, bool then_back_up) {
               Machine machine(std::make_shared<MemoryDisk>(state.image), false);
               const bool old_opens = machine.open(kPassword).has_value();
               expect_sound(state.image, held, w.known, old_opens ? kPassword : kNewPassword,
                            then_back_up, state.description);
           });
}

TEST(RepositoryCrash, ASecondCrashInsideRecoveryLosesNothingEither) {
    Workflow w;
    Prepared p = prepare(w);
    w.known = {first_tree(), second_tree()};
    w.promise(p.machine->backup(*p.repository, p.identity, first_tree()).value(), first_tree());
    w.settle();
    p = reopen(w, p.identity);
    w.promise(p.machine->backup(*p.repository, p.identity, second_tree()).value(), second_tree());
    std::size_t seconds = 0;
    std::size_t firsts = 0;
    CrashBounds outer;
    outer.pairs = 0;
    outer.samples = 1;
    outer.step = 5;
    for_each_crash_state(w.disk->history(), outer, [&](const CrashState& state) {
        if (++firsts % 4 != 0) return true;
        const auto survivor = std::make_shared<MemoryDisk>(state.image);
        Machine machine(survivor, false);
        auto repository = machine.open(kPassword);
        EXPECT_TRUE(repository);
        if (!repository || !machine.backup(**repository, p.identity, second_tree())) return false;
        CrashBounds inner;
        inner.pairs = 0;
        inner.samples = 1;
        inner.step = 9;
        const std::vector<Promise> held(
            w.promised.begin(),
            w.promised.begin() + 1 + static_cast<std::ptrdiff_t>(state.marks.size()));
        seconds += for_each_crash_state(survivor->history(), inner, [&](const CrashState& second) {
            expect_sound(second.image, held, w.known, kPassword, false,
                         state.description + "; then " + second.description);
            return !HasFailure();
        });
        return !HasFailure() && seconds < states_a_workflow();
    });
    std::printf("second crash: %zu states after %zu first ones\nCOUNT crash_states %zu\n", seconds,
                firsts, seconds);
    EXPECT_GT(seconds, 20U);
}

// The harness proves itself: a disk that does not sync what it says must lose an acknowledged point
// in some state.
template <class BrokenDisk, class... Args>
bool is_caught(Args... args) {
    Workflow w;
    Prepared p = prepare(w);
    w.settle();
    auto broken = std::make_shared<BrokenDisk>(w.disk, args...);
    Machine machine(broken, false);
    auto repository = machine.open(kPassword).value();
    const auto result = machine.backup(*repository, p.identity, first_tree());
    if (!result) return true;
    w.promise(*result, first_tree());
    bool lost = false;
    CrashBounds bounds;
    bounds.pairs = 0;
    bounds.samples = 2;
    for_each_crash_state(w.disk->history(), bounds, [&](const CrashState& state) {
        if (state.marks.empty()) return true;
        Machine after(std::make_shared<MemoryDisk>(state.image), false);
        auto opened = after.open(kPassword);
        if (!opened) return !(lost = true);
        const auto point = (*opened)->load_point(result->point->session(), {});
        if (!point) return !(lost = true);
        auto reader = PointReader::open(**opened, *point, 8 << 20, {});
        if (!reader || !difference(**reader, (*reader)->body().roots.front(), first_tree()).empty())
            lost = true;
        return !lost;
    });
    return lost;
}

TEST(RepositoryCrash, AMissingFileSyncIsCaught) { EXPECT_TRUE((is_caught<NoFileSyncDisk>())); }

TEST(RepositoryCrash, AMissingDirectorySyncIsCaught) {
    EXPECT_TRUE((is_caught<NoDirectorySyncDisk>(
        std::function<bool(const std::string&)>([](const std::string& directory) {
            return directory.find("points") != std::string::npos;
        }))));
}

}  // namespace
}  // namespace perdure
