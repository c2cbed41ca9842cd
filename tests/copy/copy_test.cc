// Copies into a repository with keys of its own: every point restores from the copy alone, nothing
// is copied or stored twice, and a copy that was killed anywhere is finished by the next run.

#include <gtest/gtest.h>

#include "engine/copy.h"
#include "store/fault_store.h"
#include "support/small_repository.h"

namespace perdure {
namespace {

WriterIdentity enrol_maintainer(Repository& repository) {
    Certificate certificate;
    certificate.role = Role::Maintainer;
    certificate.name = "copier";
    auto identity = repository.enrol(certificate, {});
    EXPECT_TRUE(identity) << identity.error().describe();
    return *identity;
}

class CopyTest : public ::testing::Test {
protected:
    static void SetUpTestSuite() { world_ = std::make_unique<SmallRepository>(); }
    static void TearDownTestSuite() { world_.reset(); }

    CopyTest()
        : from(std::move(world_->open(SmallRepository::kPassword).value())),
          points(from->list_points({})->points),
          copier(enrol_maintainer(*to.repository)) {}

    Result<CopyResult> copy(const Repository& into, bool dry_run = false) {
        CopyOptions options;
        options.workers = 1;
        options.dry_run = dry_run;
        Reporter reporter;
        return copy_points(*from, points, into, copier, LocalCache(), options, reporter,
                           [](const PointCopy&) {}, {});
    }

    /// Every original has exactly one copy, which gives back what it held.
    void expect_all_copied() {
        to.reopen();
        const auto list = to.repository->list_points({});
        ASSERT_TRUE(list && list->problems.empty());
        std::set<SessionName> originals;
        for (const Point& copied : list->points) {
            ASSERT_EQ(copied.header.kind, EndKind::Copy);
            ASSERT_EQ(copied.header.copied.size(), 1U);
            const SessionName original = copied.header.copied.front().session;
            EXPECT_TRUE(originals.insert(original).second) << "copied twice";
            EXPECT_EQ(difference(*to.repository, copied, world_->points.at(original)), "");
        }
        EXPECT_EQ(originals.size(), world_->points.size());
    }

    CheckResult deep_check() {
        CheckOptions options;
        options.level = CheckLevel::Deep;
        options.workers = 1;
        Reporter reporter;
        const auto checked = run_check(*to.repository, options, reporter, {});
        EXPECT_TRUE(checked);
        return *checked;
    }

    static std::unique_ptr<SmallRepository> world_;
    std::unique_ptr<Repository> from;
    std::vector<Point> points;
    RepoFixture to;
    WriterIdentity copier;
};

std::unique_ptr<SmallRepository> CopyTest::world_;

TEST_F(CopyTest, EveryPointRestoresFromTheCopyAlone) {
    const auto done = copy(*to.repository);
    ASSERT_TRUE(done) << done.error().describe();
    EXPECT_EQ(done->outcome, Outcome::Success);
    expect_all_copied();
    const CheckResult checked = deep_check();
    EXPECT_EQ(checked.outcome, Outcome::Success)
        << checked.findings.front().object << ": " << checked.findings.front().text;
}

TEST_F(CopyTest, ACopySaysWhatItsOriginalSaidAndWhereItCameFrom) {
    ASSERT_TRUE(copy(*to.repository));
    const auto list = to.repository->list_points({});
    ASSERT_TRUE(list);
    for (const Point& copied : list->points) {
        const auto original = std::find_if(points.begin(), points.end(), [&](const Point& p) {
            return p.session() == copied.header.copied.front().session;
        });
        ASSERT_NE(original, points.end());
        const PointHeader &a = original->header, &b = copied.header;
        EXPECT_EQ(a.host, b.host);
        EXPECT_EQ(a.sources, b.sources);
        EXPECT_EQ(a.started_ns, b.started_ns);
        EXPECT_EQ(a.finished_ns, b.finished_ns);
        EXPECT_EQ(original->tags, copied.tags);
        EXPECT_EQ(a.statistics.entries, b.statistics.entries);
        EXPECT_EQ(a.statistics.captured, b.statistics.captured);
        const auto body = to.repository->load_body(copied, {});
        ASSERT_TRUE(body);
        const Origin expected{from->id(), {original->session(), original->digest}};
        EXPECT_EQ(body->origin, std::optional(expected));
    }
}

TEST_F(CopyTest, ASecondRunCopiesNothing) {
    ASSERT_TRUE(copy(*to.repository));
    const auto before = to.store.contents();
    const auto again = copy(*to.repository);
    ASSERT_TRUE(again);
    for (const PointCopy& one : again->points) EXPECT_EQ(one.state, PointCopy::State::AlreadyThere);
    EXPECT_EQ(to.store.contents(), before);
}

TEST_F(CopyTest, NothingIsStoredTwice) {
    ASSERT_TRUE(copy(*to.repository));
    std::set<LeafId> leaves;
    std::size_t all = 0;
    for (const auto& [name, bytes] : to.store.contents()) {
        const auto pack = names::parse_pack(name);
        if (!pack || pack->kind != PackKind::Data) continue;
        const auto access =
            read_pack_access(*to.repository, *ObjectName::parse(name), pack->pack, {});
        ASSERT_TRUE(access);
        const auto manifest = load_manifest(*to.repository, access->table, {});
        ASSERT_TRUE(manifest);
        for (const LeafRecord& leaf : manifest->leaves) {
            leaves.insert(leaf.id);
            ++all;
        }
    }
    EXPECT_GT(all, 5U);
    EXPECT_EQ(leaves.size(), all);
}

TEST_F(CopyTest, ADryRunWritesNothing) {
    const auto before = to.store.contents();
    const auto done = copy(*to.repository, true);
    ASSERT_TRUE(done);
    EXPECT_EQ(done->points.size(), points.size());
    for (const PointCopy& one : done->points) EXPECT_EQ(one.state, PointCopy::State::WouldCopy);
    EXPECT_EQ(to.store.contents(), before);
}

TEST_F(CopyTest, KilledAtAnyWriteItIsFinishedByTheNextRun) {
    int cases = 0;
    for (std::uint64_t survived = 0;; survived += survived < 12 ? 1 : 7) {
        RepoFixture fresh;
        const WriterIdentity as = enrol_maintainer(*fresh.repository);
        FaultStore faults(fresh.store);
        Credentials credentials;
        credentials.passphrase = Passphrase("correct horse");
        auto opened = Repository::open(faults, credentials, fresh.clock, system_random(), {});
        ASSERT_TRUE(opened);
        FaultRule dead;
        dead.verb = StoreVerb::Create;
        dead.fault.error = ErrorKind::Io;
        dead.skip = survived;
        faults.add(dead);
        CopyOptions options;
        options.workers = 1;
        Reporter reporter;
        const auto killed = copy_points(*from, points, **opened, as, LocalCache(), options,
                                        reporter, [](const PointCopy&) {}, {});
        fresh.reopen();
        const auto finished = copy_points(*from, points, *fresh.repository, as, LocalCache(),
                                          options, reporter, [](const PointCopy&) {}, {});
        ASSERT_TRUE(finished) << finished.error().describe();
        const auto list = fresh.repository->list_points({});
        ASSERT_TRUE(list && list->problems.empty());
        ASSERT_EQ(list->points.size(), points.size()) << "after " << survived << " writes";
        for (const Point& copied : list->points)
            EXPECT_EQ(difference(*fresh.repository, copied,
                                 world_->points.at(copied.header.copied.front().session)),
                      "");
        ++cases;
        if (killed && killed->outcome == Outcome::Success) break;
    }
    std::printf("COUNT copy_kills %d\n", cases);
    EXPECT_GT(cases, 15);
}

TEST_F(CopyTest, APointThatCannotBeReadWholeIsNotCopiedAndTheOthersAre) {
    SmallRepository damaged;
    auto source = damaged.open(SmallRepository::kPassword);
    ASSERT_TRUE(source);
    const auto list = (*source)->list_points({});
    ASSERT_TRUE(list);
    for (const auto& [name, bytes] : damaged.store.contents()) {
        const auto pack = names::parse_pack(name);
        if (!pack || pack->kind != PackKind::Data ||
            pack->pack.session != list->points.front().session())
            continue;
        Buffer bad = bytes;
        for (std::size_t at = 300; at < bad.size(); at += 64) bad[at] ^= std::byte{1};
        damaged.store.plant(*ObjectName::parse(name), bad);
    }
    CopyOptions options;
    options.workers = 1;
    Reporter reporter;
    const auto done = copy_points(**source, list->points, *to.repository, copier, LocalCache(),
                                  options, reporter, [](const PointCopy&) {}, {});
    ASSERT_TRUE(done) << done.error().describe();
    EXPECT_EQ(done->outcome, Outcome::Partial);
    std::size_t failed = 0;
    for (const PointCopy& one : done->points) {
        if (one.state == PointCopy::State::Failed) {
            ++failed;
            EXPECT_FALSE(one.problem.empty());
            EXPECT_FALSE(one.to && to.repository->load_point(*one.to, {}));
            continue;
        }
        const auto copied = to.repository->load_point(*one.to, {});
        ASSERT_TRUE(copied);
        EXPECT_EQ(difference(*to.repository, *copied, damaged.points.at(one.from.session())), "");
    }
    EXPECT_GE(failed, 1U);
    EXPECT_LT(failed, done->points.size());
}

TEST_F(CopyTest, ACopyOfACopyIsNotCopiedBack) {
    ASSERT_TRUE(copy(*to.repository));
    const WriterIdentity as = enrol_maintainer(*from);
    const auto copies = to.repository->list_points({});
    ASSERT_TRUE(copies);
    CopyOptions options;
    options.workers = 1;
    Reporter reporter;
    const auto back = copy_points(*to.repository, copies->points, *from, as, LocalCache(), options,
                                  reporter, [](const PointCopy&) {}, {});
    ASSERT_TRUE(back);
    for (const PointCopy& one : back->points) EXPECT_EQ(one.state, PointCopy::State::AlreadyThere);
}

}  // namespace
}  // namespace perdure
