// Every call that a run makes to its store, and every call that the store makes to its disk, fails
// once, in every way that it may: the run says what is true and exits so, earlier points stay
// whole, and the next backup and a deep check pass. System calls of the real program are
// tests/crash's matter.

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <set>

#include "base/try.h"
#include "cli/command.h"
#include "engine/restore.h"
#include "store/fault_store.h"
#include "store/local/local_store.h"
#include "support/disk_faults.h"
#include "support/memory_disk.h"
#include "support/small_repository.h"
#include "support/temp_dir.h"
#include "target/directory/directory.h"

namespace perdure {
namespace {

namespace fs = std::filesystem;

/// A call to the disk fails with `code`; if that is 0, one to the store in the way of `fault`.
struct Way {
    int code = 0;
    Fault fault = {};
};
constexpr Way kWays[] = {
    {EIO},
    {ENOSPC},
    {EMFILE},
    {EACCES},
    {ENOMEM},
    {EDQUOT},
    {0, {FaultKind::FailBefore, ErrorKind::Io}},
    {0, {FaultKind::FailBefore, ErrorKind::NoSpace}},
    {0, {FaultKind::FailBefore, ErrorKind::Unavailable}},
    {0, {FaultKind::FailBefore, ErrorKind::Denied}},
    {0, {FaultKind::FailBefore, ErrorKind::Timeout}},
    {0, {FaultKind::LoseAnswer, ErrorKind::Timeout}},
    {0, {FaultKind::LoseAnswer, ErrorKind::Unavailable}},
    {0, {FaultKind::OwnExists, ErrorKind::Io}},
};

ErrorKind kind_of(const Way& way) {
    return way.code != 0 ? system_error(way.code, "").kind() : way.fault.error;
}

std::string describe(const Way& way, std::uint64_t n) {
    return (way.code != 0 ? "disk call " : "store call ") + std::to_string(n) + ", way " +
           std::to_string(&way - kWays) + " (" + std::string(to_string(kind_of(way))) + ")";
}

/// A repository on a disk, of which the n-th call fails.
class FaultyStore {
public:
    FaultyStore(const DiskImage& image, const Way& way, std::uint64_t n)
        : disk(std::make_shared<MemoryDisk>(image)),
          faulty_disk_(
              std::make_shared<FailNthCallDisk>(disk, way.code != 0 ? n : kNever, way.code)),
          local_(std::move(*LocalStore::open_on(faulty_disk_, "disk"))),
          store(*local_) {
        if (way.code == 0) store.add({.fault = way.fault, .skip = n, .times = 1});
    }

    bool failed() const { return faulty_disk_->failed() || store.faults() > 0; }
    bool is_changed() const { return !disk->history().changes.empty(); }
    /// The same disk, in order again.
    std::unique_ptr<Store> repaired() const {
        return std::move(*LocalStore::open_on(std::make_shared<MemoryDisk>(disk->image()), "disk"));
    }

    const std::shared_ptr<MemoryDisk> disk;

private:
    static constexpr std::uint64_t kNever = 1U << 30;
    const std::shared_ptr<FailNthCallDisk> faulty_disk_;
    const std::unique_ptr<Store> local_;

public:
    FaultStore store;
};

MemoryTree first_tree() {
    MemoryTree tree;
    tree.put_directory("d");
    tree.put_file("d/noise", noise(1, 40'000));
    tree.put_file("d/text", std::string(3000, 't'));
    tree.put_link("link", "d/text");
    return tree;
}

MemoryTree second_tree() {
    MemoryTree tree = first_tree();
    tree.tick();
    tree.put_file("d/noise", noise(2, 30'000));
    tree.put_file("new", "new");
    return tree;
}

std::string content_of(const fs::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

/// What lies below `target` with other bytes than in `tree`, or is missing. Never restored only in
/// part: a file that is there is whole.
struct Restored {
    std::set<std::string> wrong, missing;
};
Restored inspect(const fs::path& target, const MemoryTree& tree) {
    Restored found;
    for (const auto& [path, node] : tree.nodes()) {
        if (path.empty()) continue;
        const fs::path at = target / path;
        if (!fs::exists(fs::symlink_status(at)))
            found.missing.insert(path);
        else if (node.entry.type == EntryType::File && content_of(at) != node.content)
            found.wrong.insert(path);
        else if (fs::is_symlink(at) && fs::read_symlink(at) != node.entry.link_target)
            found.wrong.insert(path);
    }
    return found;
}

class StoreFaults : public ::testing::Test {
protected:
    StoreFaults() {
        auto disk = std::make_shared<MemoryDisk>();
        const auto store = std::move(*LocalStore::initialize_on(disk, "disk", {4096}));
        InitOptions options;
        options.passphrase = Passphrase(kPassword);
        options.cost = kCheapKdf;
        EXPECT_TRUE(Repository::initialize(*store, options, clock_, system_random(), {}));
        const auto repository = std::move(*open(*store));
        writer_ = *repository->enrol({}, {});
        empty_ = disk->image();
        first_ = back_up(*repository, writer_, "h", {{"/data", first_tree()}}).session;
        one_ = disk->image();
    }
    ~StoreFaults() override { std::printf("COUNT store_fault_cases %zu\n", cases_); }

    Result<std::unique_ptr<Repository>> open(Store& store) {
        Credentials credentials;
        credentials.passphrase = Passphrase(kPassword);
        return Repository::open(store, credentials, clock_, system_random(), {});
    }

    Result<Point> back_up_once(Store& store, const MemoryTree& tree) {
        clock_.now_ns += 1'000'000'000;
        const auto repository = PERDURE_TRY(open(store));
        BackupOptions options;
        options.host = "h";
        options.workers = 1;
        std::vector<BackupRoot> roots;
        roots.push_back({"/data", tree.source(), EndKind::Files});
        Reporter reporter;
        const auto done = PERDURE_TRY(run_backup(*repository, writer_, LocalCache(),
                                                 std::move(roots), options, reporter, {}));
        EXPECT_EQ(done.outcome, Outcome::Success) << "trouble with the store is no issue";
        return *done.point;
    }

    /// A restore of the first point, as a run of its own.
    Result<RestoreResult> restore_once(Store& store, const fs::path& target) {
        const auto repository = PERDURE_TRY(open(store));
        const Point point = PERDURE_TRY(repository->load_point(first_, {}));
        const auto reader = PERDURE_TRY(PointReader::open(*repository, point, 4U << 20, {}));
        DirectoryTargetOptions to;
        to.restore_owner = false;
        const auto directory = PERDURE_TRY(open_directory_target(target, to));
        RestoreOptions options;
        options.workers = 1;
        Reporter reporter;
        return run_restore(*reader, {{{&reader->body().roots[0], ""}, ""}}, directory.get(),
                           options, reporter, {});
    }

    /// That exactly the points of `expected` are listed and give back their trees.
    void expect_points(const Repository& repository,
                       const std::map<SessionName, MemoryTree>& expected, const std::string& what) {
        const auto list = repository.list_points({});
        ASSERT_TRUE(list) << what;
        EXPECT_TRUE(list->problems.empty()) << what << ": " << list->problems.front().text;
        EXPECT_EQ(list->points.size(), expected.size()) << what;
        for (const Point& point : list->points) {
            const auto tree = expected.find(point.session());
            ASSERT_NE(tree, expected.end()) << what << ": a point that no run spoke of";
            EXPECT_EQ(difference(repository, point, {{"/data", tree->second}}), "") << what;
        }
    }

    /// Another backup succeeds, and all is well at the deepest level.
    void expect_recovers(Store& store, std::map<SessionName, MemoryTree> points,
                         const std::string& what) {
        const auto next = back_up_once(store, second_tree());
        ASSERT_TRUE(next) << what << ": " << next.error().describe();
        points[next->session()] = second_tree();
        const auto repository = open(store);
        ASSERT_TRUE(repository) << what;
        expect_points(**repository, points, what);
        CheckOptions options;
        options.level = CheckLevel::Deep;
        options.workers = 1;
        Reporter reporter;
        const auto checked = run_check(**repository, options, reporter, {});
        ASSERT_TRUE(checked) << what;
        EXPECT_EQ(checked->outcome, Outcome::Success)
            << what << ": " << checked->findings.front().object << " "
            << checked->findings.front().text;
    }

    /// Calls `run` with each call failing in each way, until a run meets no fault.
    void for_each_fault(
        const DiskImage& image,
        const std::function<void(FaultyStore&, const Way&, const std::string&)>& run) {
        for (const Way& way : kWays)
            for (std::uint64_t n = 0;; ++n) {
                FaultyStore faulty(image, way, n);
                run(faulty, way, describe(way, n));
                if (!faulty.failed()) break;
                ++cases_;
                ASSERT_LT(n, 500U);
            }
    }

    /// A failed run says FAILED; UNKNOWN only if an answer that mattered got lost; and never that
    /// there is no repository, or that the password is wrong.
    void expect_exit_code(const Error& error, const Way& way, const std::string& what) {
        const bool lost =
            kind_of(way) == ErrorKind::Timeout || way.fault.kind != FaultKind::FailBefore;
        const int code = exit_code_of(error);
        EXPECT_TRUE(code == kExitFailed || (lost && code == kExitUnknown))
            << what << " exits " << code << ": " << error.describe();
        EXPECT_NE(error.describe().find("injected fault"), std::string::npos)
            << what << ": " << error.describe();
    }

    void expect_backup_survives(const DiskImage& image, std::map<SessionName, MemoryTree> before,
                                const MemoryTree& tree) {
        for_each_fault(image, [&](FaultyStore& faulty, const Way& way, const std::string& what) {
            const auto point = back_up_once(faulty.store, tree);
            if (!point) expect_exit_code(point.error(), way, what);
            const auto store = faulty.repaired();
            std::map<SessionName, MemoryTree> points = before;
            const auto repository = open(*store);
            ASSERT_TRUE(repository) << what;
            if (point) {
                points[point->session()] = tree;
            } else if (exit_code_of(point.error()) == kExitUnknown) {
                // It may be there, and then it is whole.
                const auto list = (*repository)->list_points({});
                ASSERT_TRUE(list) << what;
                for (const Point& p : list->points) points.try_emplace(p.session(), tree);
            }
            expect_points(**repository, points, what);
            expect_recovers(*store, points, what);
        });
    }

    static constexpr const char* kPassword = "correct horse";
    FixedClock clock_;
    WriterIdentity writer_;
    DiskImage empty_, one_;
    SessionName first_;
    std::size_t cases_ = 0;
};

TEST_F(StoreFaults, AFirstBackupSaysWhatIsTrue) {
    expect_backup_survives(empty_, {}, first_tree());
}

TEST_F(StoreFaults, ASecondBackupSaysWhatIsTrue) {
    expect_backup_survives(one_, {{first_, first_tree()}}, second_tree());
}

TEST_F(StoreFaults, ARestoreNamesWhatItCouldNotRestore) {
    for_each_fault(one_, [&](FaultyStore& faulty, const Way& way, const std::string& what) {
        const TempDir target(TempDir::memory());
        const auto done = restore_once(faulty.store, target.path());
        const Restored found = inspect(target.path(), first_tree());
        EXPECT_EQ(found.wrong, std::set<std::string>{}) << what;
        if (!done) {
            expect_exit_code(done.error(), way, what);
        } else {
            std::set<std::string> named;
            for (const RestoreIssue& issue : done->issues) {
                named.insert(issue.path);
                EXPECT_NE(issue.text.find("injected fault"), std::string::npos) << issue.text;
            }
            EXPECT_EQ(found.missing, named) << what;
            EXPECT_EQ(exit_code(done->outcome), named.empty() ? kExitSuccess : kExitPartial)
                << what;
        }
        EXPECT_FALSE(faulty.is_changed()) << what;
        // The same again completes it.
        const auto store = faulty.repaired();
        const auto again = restore_once(*store, target.path());
        ASSERT_TRUE(again) << what << ": " << again.error().describe();
        EXPECT_EQ(again->outcome, Outcome::Success) << what;
        EXPECT_EQ(inspect(target.path(), first_tree()).missing, std::set<std::string>{}) << what;
        EXPECT_EQ(inspect(target.path(), first_tree()).wrong, std::set<std::string>{}) << what;
    });
}

TEST_F(StoreFaults, AReaderGetsTheBytesOrAnError) {
    for_each_fault(one_, [&](FaultyStore& faulty, const Way&, const std::string& what) {
        const auto repository = open(faulty.store);
        const auto point =
            repository ? (*repository)->load_point(first_, {}) : Result<Point>(repository.error());
        const std::string text = point ? difference(**repository, *point, {{"/data", first_tree()}})
                                       : point.error().describe();
        if (!text.empty()) {
            EXPECT_NE(text.find("injected fault"), std::string::npos) << what << ": " << text;
        }
        EXPECT_FALSE(faulty.is_changed()) << what;
    });
}

TEST_F(StoreFaults, ACheckNeverCallsWhatItCouldNotReadGood) {
    for_each_fault(one_, [&](FaultyStore& faulty, const Way&, const std::string& what) {
        const auto repository = open(faulty.store);
        if (repository) {
            const bool met_before = faulty.failed();
            CheckOptions options;
            options.level = CheckLevel::Deep;
            options.workers = 1;
            Reporter reporter;
            const auto checked = run_check(**repository, options, reporter, {});
            if (checked) {
                // What a credential may not read is named, not called good: key slots alone.
                const bool refused = std::any_of(checked->findings.begin(), checked->findings.end(),
                                                 [](const CheckFinding& finding) {
                                                     return finding.kind == "refused" &&
                                                            finding.object.starts_with("keys/");
                                                 });
                EXPECT_EQ(checked->outcome == Outcome::Success,
                          met_before || !faulty.failed() || refused)
                    << what;
            }
        }
        EXPECT_FALSE(faulty.is_changed()) << what;
    });
}

}  // namespace
}  // namespace perdure
