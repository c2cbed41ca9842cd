// Repair from a replica (DESIGN P4): whichever single object is deleted, overwritten, truncated or
// has a bit flipped, a check names it, and a repair brings every point back, identical. The oracle
// restores and compares before any repair too: what the check does not call hurt is whole.

#include <gtest/gtest.h>

#include "engine/repair.h"
#include "engine/replicate.h"
#include "store/fault_store.h"
#include "support/small_repository.h"

namespace perdure {
namespace {

class RepairTest : public ::testing::Test {
protected:
    static void SetUpTestSuite() {
        world_ = std::make_unique<SmallRepository>();
        replica_store_ = std::make_unique<MemoryStore>();
        auto from = std::move(world_->open(SmallRepository::kPassword).value());
        Certificate certificate;
        certificate.role = Role::Maintainer;
        certificate.name = "repairer";
        maintainer_ = *from->enrol(certificate, {});
        const auto made = from->replicate_keys(*replica_store_, "copier", {});
        ASSERT_TRUE(made && *made);
        replica_ = open(*replica_store_, SmallRepository::kPassword);
        CopyOptions options;
        options.workers = 1;
        Reporter reporter;
        const auto copied =
            replicate_points(*from, from->list_points({})->points, *replica_, **made, LocalCache(),
                             options, reporter, [](const PointCopy&) {}, {});
        ASSERT_TRUE(copied);
        ASSERT_EQ(copied->outcome, Outcome::Success);
        good_ = world_->store.contents();
    }
    static void TearDownTestSuite() {
        std::printf("COUNT repair_cases %zu\n", cases_);
        replica_.reset();
        replica_store_.reset();
        world_.reset();
    }

    static std::unique_ptr<Repository> open(Store& store, const std::string& password) {
        Credentials credentials;
        credentials.passphrase = Passphrase(password);
        auto opened = Repository::open(store, credentials, world_->clock, system_random(), {});
        return opened ? std::move(*opened) : nullptr;
    }

    /// Everything as it was, with what is drawn out for every case.
    static void put_all_right() {
        for (const auto& [name, bytes] : world_->store.contents())
            if (!good_.contains(name)) {
                ASSERT_TRUE(world_->store.remove(*ObjectName::parse(name), {}));
            }
        for (const auto& [name, bytes] : good_)
            world_->store.plant(*ObjectName::parse(name), bytes);
    }

    static CheckResult check(const Repository& repository) {
        CheckOptions options;
        options.level = CheckLevel::Deep;
        options.workers = 1;
        Reporter reporter;
        auto checked = run_check(repository, options, reporter, {});
        EXPECT_TRUE(checked);
        return *checked;
    }

    static RepairResult repair(const Repository& repository, const Repository* from,
                               bool dry_run = false) {
        RepairOptions options;
        options.level = CheckLevel::Deep;
        options.workers = 1;
        options.from = from;
        options.dry_run = dry_run;
        Reporter reporter;
        auto done = run_repair(repository, maintainer_, LocalCache(), options, reporter, {});
        EXPECT_TRUE(done) << done.error().describe();
        return done ? std::move(*done) : RepairResult{};
    }

    static void expect_all_whole(const Repository& repository, const std::string& what) {
        const auto list = repository.list_points({});
        ASSERT_TRUE(list) << what;
        ASSERT_EQ(list->points.size(), world_->points.size()) << what;
        for (const Point& point : list->points) {
            const auto& original =
                point.header.repaired ? point.header.repaired->session : point.session();
            EXPECT_EQ(difference(repository, point, world_->points.at(original)), "") << what;
        }
    }

    /// The damage is there already.
    static void expect_repaired(const std::string& name, const std::string& how) {
        const std::string what = name + ", " + how;
        ++cases_;
        if (auto before = open(world_->store, SmallRepository::kPassword)) {
            std::set<SessionName> hurt;
            const CheckResult checked = check(*before);
            for (const CheckFinding& f : checked.findings)
                hurt.insert(f.points.begin(), f.points.end());
            const auto list = before->list_points({});
            ASSERT_TRUE(list) << what;
            for (const Point& point : list->points)
                if (!hurt.contains(point.session())) {
                    EXPECT_EQ(difference(*before, point, world_->points.at(point.session())), "")
                        << what << ": not called hurt";
                }
        }
        ASSERT_TRUE(repair_root_records(world_->store, *replica_, false, {})) << what;
        auto repository = open(world_->store, SmallRepository::kPassword);
        if (!repository) repository = open(world_->store, world_->recovery_key);
        ASSERT_TRUE(repository) << what;
        const RepairResult done = repair(*repository, replica_.get());
        repository = open(world_->store, SmallRepository::kPassword);
        ASSERT_TRUE(repository) << what;
        expect_all_whole(*repository, what);
        EXPECT_NE(check(*repository).outcome, Outcome::Failed) << what;
    }

    static std::unique_ptr<SmallRepository> world_;
    static std::unique_ptr<MemoryStore> replica_store_;
    static std::unique_ptr<Repository> replica_;
    static WriterIdentity maintainer_;
    static MemoryStore::Contents good_;
    static std::size_t cases_;
};

std::unique_ptr<SmallRepository> RepairTest::world_;
std::unique_ptr<MemoryStore> RepairTest::replica_store_;
std::unique_ptr<Repository> RepairTest::replica_;
WriterIdentity RepairTest::maintainer_;
MemoryStore::Contents RepairTest::good_;
std::size_t RepairTest::cases_ = 0;

TEST_F(RepairTest, AnyObjectDeleted) {
    for (const auto& [name, bytes] : good_) {
        put_all_right();
        ASSERT_TRUE(world_->store.remove(*ObjectName::parse(name), {}));
        expect_repaired(name, "deleted");
    }
}

TEST_F(RepairTest, AnyObjectOverwritten) {
    for (const auto& [name, bytes] : good_) {
        put_all_right();
        world_->store.plant(*ObjectName::parse(name), as_bytes(noise(9, bytes.size())));
        expect_repaired(name, "overwritten");
    }
}

TEST_F(RepairTest, AnyObjectTruncated) {
    for (const auto& [name, bytes] : good_) {
        put_all_right();
        world_->store.plant(*ObjectName::parse(name), ByteView(bytes).first(bytes.size() / 2));
        expect_repaired(name, "cut in half");
    }
}

TEST_F(RepairTest, AnyObjectWithAFlippedBit) {
    for (const auto& [name, bytes] : good_)
        for (const std::size_t at : {bytes.size() / 3, bytes.size() - 10}) {
            put_all_right();
            Buffer bad = bytes;
            bad[at] ^= std::byte{0x10};
            world_->store.plant(*ObjectName::parse(name), bad);
            expect_repaired(name, "byte " + std::to_string(at));
        }
}

TEST_F(RepairTest, AllPacksLost) {
    put_all_right();
    for (const auto& [name, bytes] : good_)
        if (names::parse_pack(name)) {
            ASSERT_TRUE(world_->store.remove(*ObjectName::parse(name), {}));
        }
    expect_repaired("packs/", "all of them deleted");
}

TEST_F(RepairTest, ADryRunChangesNothing) {
    for (const auto& [name, bytes] : good_) {
        if (name == "perdure" || name.starts_with("epochs/") || name.starts_with("fate/")) continue;
        put_all_right();
        world_->store.plant(*ObjectName::parse(name), ByteView(bytes).first(bytes.size() / 2));
        const auto before = world_->store.contents();
        auto repository = open(world_->store, world_->recovery_key);
        ASSERT_TRUE(repository) << name;
        repair(*repository, replica_.get(), true);
        EXPECT_EQ(world_->store.contents(), before) << name;
    }
}

TEST_F(RepairTest, WhatWasDamagedIsKept) {
    put_all_right();
    std::string victim;
    for (const auto& [name, bytes] : good_)
        if (names::parse_index(name)) victim = name;
    const Buffer bad = to_buffer(as_bytes(noise(4, 700)));
    world_->store.plant(*ObjectName::parse(victim), bad);
    expect_repaired(victim, "overwritten");
    EXPECT_EQ(world_->store.contents().at(victim), good_.at(victim));
    std::size_t kept = 0;
    for (const auto& [name, bytes] : world_->store.contents())
        kept += name.starts_with("aside/") ? 1 : 0;
    EXPECT_EQ(kept, 1U);
}

TEST_F(RepairTest, ASecondRepairHasNothingToDo) {
    put_all_right();
    for (const auto& [name, bytes] : good_)
        if (names::parse_pack(name))
            world_->store.plant(*ObjectName::parse(name), ByteView(bytes).first(bytes.size() / 2));
    expect_repaired("packs/", "all of them cut");
    const auto before = world_->store.contents();
    auto repository = open(world_->store, SmallRepository::kPassword);
    const RepairResult again = repair(*repository, replica_.get());
    EXPECT_TRUE(again.actions.empty()) << again.actions.front().object;
    EXPECT_EQ(world_->store.contents(), before);
}

TEST_F(RepairTest, WithoutAnotherRepositoryALostIndexIsMadeAnew) {
    for (const auto& [session, roots] : world_->points) {
        put_all_right();
        ASSERT_TRUE(world_->store.remove(names::index(session), {}));
        auto repository = open(world_->store, SmallRepository::kPassword);
        repair(*repository, nullptr);
        ++cases_;
        expect_all_whole(*repository, short_text(session));
        EXPECT_NE(check(*repository).outcome, Outcome::Failed) << short_text(session);
    }
}

/// A read that fails once, or is damaged on the way, at every other read of a repair in turn: what
/// the replica has is never left out of a point, neither then nor by the repair that follows.
TEST_F(RepairTest, AReadThatFailsOnceCostsNoPointAFile) {
    std::vector<std::string> packs;
    for (const auto& [name, bytes] : good_)
        if (names::parse_pack(name)) packs.push_back(name);
    // The last pack of metadata: all of the newest point's pages.
    const ObjectName lost = *ObjectName::parse(packs.back());
    std::uint64_t cases = 0;
    for (const Fault& fault : {Fault{FaultKind::FailBefore, ErrorKind::Io},
                               Fault{FaultKind::CorruptBytes, ErrorKind::Corrupt}})
        for (std::uint64_t skip = 0;; skip += 2) {
            put_all_right();
            ASSERT_TRUE(world_->store.remove(lost, {}));
            FaultStore faulty(world_->store);
            const auto repository = open(faulty, SmallRepository::kPassword);
            ASSERT_TRUE(repository);
            FaultRule rule;
            rule.fault = fault;
            rule.verb = StoreVerb::Load;
            rule.skip = skip;
            rule.times = 1;
            faulty.add(rule);
            RepairOptions options;
            options.workers = 1;
            options.from = replica_.get();
            Reporter reporter;
            static_cast<void>(
                run_repair(*repository, maintainer_, LocalCache(), options, reporter, {})
                    .has_value());
            const auto after = open(world_->store, SmallRepository::kPassword);
            repair(*after, replica_.get());
            expect_all_whole(*after, "a failed read " + std::to_string(skip));
            if (HasFailure() || faulty.faults() == 0) break;
            ++cases;
        }
    EXPECT_GT(cases, 100U);
    cases_ += cases;
}

TEST_F(RepairTest, ALostFileIsNamedAndAllOthersComeBack) {
    put_all_right();
    for (const auto& [name, bytes] : good_) {
        const auto pack = names::parse_pack(name);
        if (!pack || pack->kind != PackKind::Data) continue;
        Buffer bad = bytes;
        bad[bad.size() / 2] ^= std::byte{1};
        world_->store.plant(*ObjectName::parse(name), bad);
    }
    auto repository = open(world_->store, SmallRepository::kPassword);
    const RepairResult done = repair(*repository, nullptr);
    ++cases_;
    std::map<SessionName, std::set<std::string>> lost;
    for (const RepairAction& action : done.actions)
        if (const auto session = names::parse_point(action.object))
            lost[*session].insert(action.lost.begin(), action.lost.end());
    EXPECT_FALSE(lost.empty());
    const auto list = repository->list_points({});
    ASSERT_TRUE(list);
    ASSERT_EQ(list->points.size(), world_->points.size());
    for (const Point& point : list->points) {
        const SessionName original =
            point.header.repaired ? point.header.repaired->session : point.session();
        Roots expected = world_->points.at(original);
        for (auto& [root, tree] : expected)
            for (const std::string& path : lost[original])
                if (path.starts_with(root + "/")) tree.remove(path.substr(root.size() + 1));
        EXPECT_EQ(difference(*repository, point, expected), "");
        if (point.header.repaired) {
            EXPECT_EQ(point.header.outcome, PointOutcome::Partial);
            EXPECT_GE(repository->load_body(point, {})->issues.size(), lost[original].size());
        }
    }
    EXPECT_NE(check(*repository).outcome, Outcome::Failed);
}

}  // namespace
}  // namespace perdure
