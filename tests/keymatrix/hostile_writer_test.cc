// What a hostile enrolled writer, or whoever holds the store, can do to the points of others: be
// reported, and nothing else (DESIGN P5, P6).

#include <gtest/gtest.h>

#include <set>

#include "chunk/chunker.h"
#include "repo/tree.h"
#include "support/small_repository.h"

namespace perdure {
namespace {

constexpr int kWrongLeaves = 100;

/// Small files, each one leaf: their ids are known to whoever holds the domain's keys.
MemoryTree victims_tree() {
    MemoryTree tree;
    for (int i = 0; i < kWrongLeaves; ++i)
        tree.put_file("f" + std::to_string(1000 + i), "content " + std::to_string(i));
    return tree;
}

class HostileWriter : public ::testing::Test {
protected:
    HostileWriter() : victim(fixture.enrol("victim", {"a"})), thief(fixture.enrol("thief", {"b"})) {
        auto opened = fixture.open(thief);
        EXPECT_TRUE(opened);
        as_thief = std::move(*opened);
    }

    Committed victims_backup(const MemoryTree& tree, const BackupOptions& options = {}) {
        fixture.clock.now_ns += 1'000'000'000;
        return back_up(*fixture.repository, victim, "a", {{"/data", tree}}, options);
    }

    /// Every listed point of host "a" is one the victim made, and gives back what it had.
    void expect_victims_points(const std::map<SessionName, MemoryTree>& expected,
                               std::size_t problems) {
        fixture.reopen();
        const auto list = fixture.repository->list_points({});
        ASSERT_TRUE(list);
        EXPECT_EQ(list->problems.size(), problems);
        std::size_t seen = 0;
        for (const Point& point : list->points) {
            if (point.header.host != "a") continue;
            ++seen;
            const auto tree = expected.find(point.session());
            ASSERT_NE(tree, expected.end()) << "a false point is listed";
            EXPECT_EQ(difference(*fixture.repository, point, {{"/data", tree->second}}), "");
        }
        EXPECT_EQ(seen, expected.size());
    }

    /// A committed session of the thief whose pack claims, for every file of the victim, a leaf
    /// that holds something else; with hints that point at them.
    SessionName plant_wrong_leaves() { return plant_leaves(true); }
    SessionName plant_leaves(bool wrong) {
        const DedupKeys dedup = expand(thief.domains[0], fixture.repository->id());
        const LocalCache no_cache;
        SessionOptions options;
        options.host = "b";
        auto session = WriteSession::begin(*as_thief, thief, no_cache, options, {});
        EXPECT_TRUE(session);
        const PackContext& context = (*session)->context();
        PackBuilder builder(context, PackKind::Data, (*session)->new_pack_id(), {});
        BlockSealer sealer(context.repository);
        LeafTableHasher hasher(context.repository, context.domain);
        std::vector<std::uint64_t> fingerprints;
        for (int i = 0; i < kWrongLeaves; ++i) {
            const std::string truth = "content " + std::to_string(i);
            std::string lie = truth;
            if (wrong) lie[0] = 'X';
            const std::vector<LeafRecord> leaves{leaf_of(truth, dedup.leaf)};
            fingerprints.push_back(leaves[0].id.fingerprint());
            EXPECT_TRUE(builder.add(as_bytes(lie), leaves, sealer, hasher, {}));
        }
        FinishedPack pack = builder.finish();
        EXPECT_TRUE((*session)->publish(pack, fingerprints, {}));
        PointHeader header;
        header.host = "b";
        LivenessSummary liveness;
        liveness.packs.push_back(
            {pack.table.pack, std::vector<std::uint64_t>(2, ~std::uint64_t{0})});
        EXPECT_TRUE((*session)->commit(header, std::nullopt, liveness, {}));
        return (*session)->name();
    }

    /// A point of the victim whose files are the blocks of that pack, one each: as a writer makes
    /// it who believed what the pack's manifest says of them.
    Committed victims_point_of(const BirthPack& pack) {
        const auto as_victim = fixture.open(victim);
        EXPECT_TRUE(as_victim);
        SessionOptions options;
        options.host = "a";
        auto session = WriteSession::begin(**as_victim, victim, LocalCache(), options, {});
        EXPECT_TRUE(session);
        const PackContext& context = (*session)->context();
        const DedupKeys dedup = expand(context.domain, context.repository);
        PackRegistry registry;
        LivenessMarks live;
        PackBuilder pages(context, PackKind::Metadata, (*session)->new_pack_id(), {});
        BlockSealer sealer(context.repository);
        LeafTableHasher hasher(context.repository, context.domain);
        const auto store_page = [&](ByteView raw) -> Result<PageAddress> {
            const PageAddress at{registry.number_of(pages.pack()), pages.next_slot()};
            const std::vector<LeafRecord> leaves{leaf_of(as_text(raw), dedup.page)};
            EXPECT_TRUE(pages.add(raw, leaves, sealer, hasher, {}));
            return at;
        };
        TreeWriter tree(
            dedup.boundary, registry, store_page, [](PageAddress) { return Result<void>(); }, live);
        const MemoryTree content = victims_tree();
        std::uint32_t slot = 0;
        for (const auto& [path, node] : content.nodes()) {
            TreeEntry entry;
            entry.entry = node.entry;
            entry.entry.device = 0;
            if (node.entry.type == EntryType::File)
                entry.recipe = {{registry.number_of(pack), slot++, 0, node.content.size()}};
            EXPECT_TRUE(tree.add(std::move(entry)));
        }
        const auto root = tree.finish();
        EXPECT_TRUE(root);
        FinishedPack finished = pages.finish();
        EXPECT_TRUE((*session)->publish(finished, {}, {}));
        PointHeader header;
        header.host = "a";
        PointBody body;
        body.roots.push_back(
            {"/data", EndKind::Files, registry.address(root->pack, root->slot), {}, 0, 0});
        return *(*session)->commit(header, body, summarize(live, registry), {});
    }

    /// A record with all the thief's keys, under any name.
    Buffer forge(ObjectType type, const ObjectName& name, const Buffer& body,
                 Role role = Role::Writer, std::optional<WriterNumber> as = std::nullopt) {
        const SigningKey key(thief.signing_seed);
        return seal_record({fixture.repository->id(), type, name.text()}, body,
                           {{role, as.value_or(thief.enrolment), EpochNumber{1}}, &key, nullptr},
                           {Sealing::IndexKey, thief.domains[0].index_key, 1, 1});
    }

    RepoFixture fixture;
    WriterIdentity victim, thief;
    std::unique_ptr<Repository> as_thief;
};

TEST_F(HostileWriter, WrongLeavesDoNotReachAnothersPoints) {
    const SessionName planted = plant_wrong_leaves();
    const MemoryTree tree = victims_tree();
    std::map<SessionName, MemoryTree> points;
    points[victims_backup(tree).session] = tree;
    MemoryTree changed = tree;
    changed.tick();
    changed.put_file("new", "content 5");  // equal to a leaf of its own, and to a wrong one
    points[victims_backup(changed).session] = changed;
    expect_victims_points(points, 0);

    CheckOptions options;
    options.level = CheckLevel::Deep;
    Reporter reporter;
    const auto checked = run_check(*fixture.repository, options, reporter, {});
    ASSERT_TRUE(checked);
    std::size_t wrong = 0;
    for (const CheckFinding& f : checked->findings) {
        wrong += f.blocks.size();
        for (const SessionName s : f.points) EXPECT_EQ(s, planted) << f.text;
    }
    EXPECT_EQ(wrong, static_cast<std::size_t>(kWrongLeaves));
}

TEST_F(HostileWriter, ARestoreBelievesNoLeafOfAnotherWriterThatIsNotWhatItsIdSays) {
    const SessionName lies = plant_wrong_leaves();
    const SessionName truth = plant_leaves(false);
    fixture.reopen();
    const auto pack_of = [&](SessionName session) {
        const auto index = fixture.repository->load_index(session, std::nullopt, {});
        EXPECT_TRUE(index);
        return (*index)->packs.front().pack;
    };
    const Committed deceived = victims_point_of(pack_of(lies));
    const Committed honest = victims_point_of(pack_of(truth));
    const auto difference_of = [&](const Committed& made) {
        const auto point = fixture.repository->load_point(made.session, {});
        EXPECT_TRUE(point);
        return difference(*fixture.repository, *point, {{"/data", victims_tree()}});
    };
    EXPECT_EQ(difference_of(honest), "");
    EXPECT_NE(difference_of(deceived).find("not what its id says"), std::string::npos)
        << difference_of(deceived);
    // Whoever cannot tell what the leaves should be does not believe them either.
    const auto index = fixture.repository->load_index(truth, std::nullopt, {});
    const PackTable& table = (*index)->packs.front();
    Buffer bytes = *fixture.store.load(table.name(), ByteRange::all(), {});
    bytes[table.manifest_offset + kFrameHeaderSize] ^= std::byte{1};
    fixture.store.plant(table.name(), bytes);
    EXPECT_NE(difference_of(honest).find("manifest"), std::string::npos);
}

TEST_F(HostileWriter, FalseLocationsAreIgnored) {
    const MemoryTree tree = victims_tree();
    std::map<SessionName, MemoryTree> points;
    const Committed first = victims_backup(tree);
    points[first.session] = tree;
    // The thief's index claims that all blocks of the victim lie in the thief's pack.
    const auto victims_index = fixture.repository->load_index(first.session, std::nullopt, {});
    ASSERT_TRUE(victims_index);
    const LocalCache no_cache;
    SessionOptions options;
    options.host = "b";
    auto session = WriteSession::begin(*as_thief, thief, no_cache, options, {});
    ASSERT_TRUE(session);
    FinishedPack pack =
        build_pack((*session)->context(), {"lie", "lie", "lie"}, (*session)->new_pack_id());
    std::size_t i = 0;
    for (const PackTable& table : (*victims_index)->packs)
        for (const SlotEntry& slot : table.slots)
            if (i < pack.table.slots.size()) pack.table.slots[i++].birth = slot.birth;
    ASSERT_TRUE((*session)->publish(pack, {1, 2, 3}, {}));
    PointHeader header;
    header.host = "b";
    ASSERT_TRUE((*session)->commit(header, std::nullopt, LivenessSummary{}, {}));
    points[victims_backup(tree).session] = tree;
    expect_victims_points(points, 0);
    // Not even when the victim's own index is gone and locations have to be looked for.
    ASSERT_TRUE(fixture.store.remove(names::index(first.session), {}));
    expect_victims_points(points, 0);
}

TEST_F(HostileWriter, PointsInAnothersNameAreReportedAndNeverListed) {
    const MemoryTree tree = victims_tree();
    std::map<SessionName, MemoryTree> points;
    points[victims_backup(tree).session] = tree;
    std::size_t problems = 0;
    // Its own number, the victim's host.
    plant_point(fixture.store, *as_thief, thief, "a");
    ++problems;
    // The victim's numbers: one that nobody began, and one with a log entry of the thief's making.
    for (const std::uint64_t n : {7U, 8U}) {
        const SessionName session{victim.enrolment, SessionNumber{n}};
        PointHeader header;
        header.session = session;
        header.host = "a";
        if (n == 8) {
            LogRecord entry;
            entry.session = session;
            const ObjectName log = names::log_entry(session);
            const Buffer object = forge(ObjectType::LogEntry, log, encode_log_record(entry),
                                        Role::Writer, victim.enrolment);
            fixture.store.plant(log, object);
            header.log_entry = digest_of(object);
        }
        const ObjectName name = names::point(session);
        fixture.store.plant(name, forge(ObjectType::Point, name, encode_point_header(header),
                                        Role::Writer, victim.enrolment));
        ++problems;
    }
    expect_victims_points(points, problems);
}

TEST_F(HostileWriter, AnHonestOneIsToldBeforeAnythingIsRead) {
    BackupOptions options;
    options.host = "a";
    std::vector<BackupRoot> roots;
    roots.push_back({"/data", victims_tree().source(), EndKind::Files});
    Reporter reporter;
    const auto before = fixture.store.contents();
    const auto done =
        run_backup(*as_thief, thief, LocalCache(), std::move(roots), options, reporter, {});
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().kind(), ErrorKind::Denied);
    EXPECT_NE(done.error().describe().find("host \"a\""), std::string::npos);
    EXPECT_EQ(fixture.store.contents(), before);
}

TEST_F(HostileWriter, EnrolmentsSignedByThemselvesOrEachOtherAreReadOnceAndRefused) {
    // Whoever holds the index key can seal a record that names any maintainer as its signer:
    // itself, or another such record, which must not be asked in turn for who signed that.
    const MemoryTree tree = victims_tree();
    std::map<SessionName, MemoryTree> points;
    points[victims_backup(tree).session] = tree;
    const std::map<std::uint32_t, std::uint32_t> signer_of{{3, 3}, {9, 10}, {10, 9}, {11, 11}};
    for (const auto& [number, signer] : signer_of) {
        Enrolment planted;
        planted.number = WriterNumber{number};
        planted.certificate.role = Role::Maintainer;
        planted.certificate.verify_key = SigningKey(thief.signing_seed).verify_key();
        const ObjectName name = names::enrolment(planted.number);
        fixture.store.plant(name, forge(ObjectType::Enrolment, name, encode_enrolment(planted),
                                        Role::Maintainer, WriterNumber{signer}));
    }
    points[victims_backup(tree).session] = tree;
    expect_victims_points(points, 0);
    for (const auto& [number, signer] : signer_of)
        EXPECT_FALSE(fixture.repository->is_enrolled(WriterNumber{number}, {})) << number;
    EXPECT_EQ(fixture.repository->enrolments({})->problems.size(), 1U);
}

TEST_F(HostileWriter, TheVictimsNextBackupWorksAndIsWhole) {
    // Rubbish at the names that the victim's next session would take.
    const MemoryTree tree = victims_tree();
    std::map<SessionName, MemoryTree> points;
    points[victims_backup(tree).session] = tree;
    plant_wrong_leaves();
    for (const std::uint64_t n : {2U, 3U}) {
        const SessionName session{victim.enrolment, SessionNumber{n}};
        fixture.store.plant(names::index(session), as_bytes("rubbish"));
        fixture.store.plant(names::hints(session), as_bytes("rubbish"));
    }
    std::size_t problems = 0;
    for (int attempt = 0; attempt < 4; ++attempt) {
        fixture.clock.now_ns += 1'000'000'000;
        BackupOptions options;
        options.host = "a";
        options.workers = 1;
        std::vector<BackupRoot> roots;
        roots.push_back({"/data", tree.source(), EndKind::Files});
        Reporter reporter;
        const auto done = run_backup(*fixture.repository, victim, LocalCache(), std::move(roots),
                                     options, reporter, {});
        // A planted index voids that number, and that is said; the next number is free.
        if (!done) continue;
        EXPECT_EQ(done->outcome, Outcome::Success);
        points[done->point->session()] = tree;
    }
    EXPECT_GE(points.size(), 3U);
    expect_victims_points(points, problems);
}

TEST_F(HostileWriter, CutFingerprintsCostNothingButSpace) {
    BackupOptions options;
    options.leaf_limits.fingerprint_mask = 0xff;
    MemoryTree tree;
    for (int i = 0; i < 800; ++i)
        tree.put_file("d" + std::to_string(i % 7) + "x" + std::to_string(1000 + i),
                      noise(static_cast<std::uint64_t>(i), 20 + static_cast<std::size_t>(i) * 3));
    tree.put_file("large", noise(5, 700'000));
    std::map<SessionName, MemoryTree> points;
    points[victims_backup(tree, options).session] = tree;
    for (int round = 0; round < 3; ++round) {
        tree.tick();
        for (int i = 0; i < 100; ++i)
            tree.put_file("d" + std::to_string(i % 7) + "x" + std::to_string(1000 + i),
                          noise(static_cast<std::uint64_t>(round * 1000 + i), 50));
        points[victims_backup(tree, options).session] = tree;
    }
    expect_victims_points(points, 0);
}

// ------------------------------------------------------------------------------------ the store

TEST(HostileStore, RecordsMayNotBeRetypedOrRehomed) {
    SmallRepository world;
    const SmallRepository stranger;
    const auto good = world.store.contents();
    const auto theirs = stranger.store.contents();
    const auto type_of = [](const std::string& name) {
        return name.starts_with("packs/") ? name.substr(0, 11) : name.substr(0, name.find('/'));
    };
    std::map<std::string, std::string> last_of;  // of each kind, by name
    for (const auto& [name, bytes] : good) {
        const auto pack = names::parse_pack(name);
        // Nothing needs the packs of these: they may be lost without a word.
        if (pack && (pack->pack.session == world.open_session ||
                     pack->pack.session == world.fenced_session))
            continue;
        last_of[type_of(name)] = name;
    }
    int cases = 0;
    const auto expect_refused = [&](const std::string& name, const Buffer& bytes,
                                    const std::string& how) {
        if (name == "perdure" || name.starts_with("epochs/") || name.starts_with("hints/")) return;
        world.store.plant(*ObjectName::parse(name), bytes);
        ++cases;
        auto repository = world.open(world.recovery_key);
        ASSERT_TRUE(repository) << name << " " << how;
        const CheckResult result = world.check(**repository, CheckLevel::Structure);
        EXPECT_TRUE(std::any_of(result.findings.begin(), result.findings.end(),
                                [&](const CheckFinding& f) { return f.object == name; }))
            << name << " " << how;
        world.store.plant(*ObjectName::parse(name), good.at(name));
    };
    for (const auto& [type, name] : last_of)
        for (const auto& [other_type, other] : last_of)
            if (type != other_type) expect_refused(name, good.at(other), "holds " + other);
    for (const auto& [name, bytes] : theirs)
        if (good.contains(name)) expect_refused(name, bytes, "is another repository's");
    std::printf("COUNT retyped_and_rehomed %d\n", cases);
    EXPECT_GT(cases, 100);
}

TEST(HostileStore, AnotherRepositorysConfigOrEpochIsNotTakenForOurs) {
    SmallRepository world;
    const SmallRepository stranger;
    const auto theirs = stranger.store.contents();
    const auto good = world.store.contents();
    Credentials pinned;
    pinned.writer = world.one;
    for (const std::string name : {"perdure", "epochs/00000001"}) {
        world.store.plant(*ObjectName::parse(name), theirs.at(name));
        EXPECT_FALSE(world.open(SmallRepository::kPassword));
        EXPECT_FALSE(Repository::open(world.store, pinned, world.clock, system_random(), {}));
        world.store.plant(*ObjectName::parse(name), good.at(name));
    }
}

TEST(Recovery, TheRepositoryAloneWithItsRecoveryKeyRestoresEverything) {
    SmallRepository world;
    for (const auto& [name, bytes] : world.store.contents())
        for (const char* prefix : {"index/", "hints/", "merged/", "keys/"})
            if (name.starts_with(prefix)) {
                ASSERT_TRUE(world.store.remove(*ObjectName::parse(name), {}));
            }
    auto repository = world.open(world.recovery_key);
    ASSERT_TRUE(repository) << repository.error().describe();
    const auto list = (*repository)->list_points({});
    ASSERT_TRUE(list);
    EXPECT_TRUE(list->problems.empty());
    ASSERT_EQ(list->points.size(), world.points.size());
    for (const Point& point : list->points)
        EXPECT_EQ(difference(**repository, point, world.points.at(point.session())), "");
}

}  // namespace
}  // namespace perdure
