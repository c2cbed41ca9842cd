// Damage of a small repository with every kind of object (DESIGN P3): whatever is flipped, cut off,
// deleted, swapped or added, nothing crashes, the check names it, and every point that the check
// does not call hurt restores identical.
//
// PERDURE_LONG=1 flips every byte of every small object; else one object of each kind, and of the
// others one byte in sixteen.

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <set>

#include "support/small_repository.h"

namespace perdure {
namespace {

constexpr std::size_t kSmall = 4096;

bool is_long() { return std::getenv("PERDURE_LONG") != nullptr; }

std::string type_of(const std::string& name) {
    if (name.starts_with("packs/"))
        return name.find("/d/") != std::string::npos ? "pack-d" : "pack-m";
    return name.substr(0, name.find('/'));
}

class DamageTest : public ::testing::Test {
protected:
    static void SetUpTestSuite() {
        world_ = std::make_unique<SmallRepository>();
        good_ = world_->store.contents();
        auto repository = world_->open(SmallRepository::kPassword);
        ASSERT_TRUE(repository);
        const CheckResult clean = world_->check(**repository);
        ASSERT_EQ(clean.outcome, Outcome::Success) << clean.findings.front().text;
        for (const auto& [name, bytes] : good_) by_type_[type_of(name)].push_back(name);
        // Names of packs are drawn: which one is flipped byte by byte is not to be chance.
        for (auto& [type, names] : by_type_)
            std::sort(names.begin(), names.end(), [](const std::string& a, const std::string& b) {
                return std::make_pair(good_[a].size(), a) < std::make_pair(good_[b].size(), b);
            });
        ASSERT_EQ(by_type_.size(), 11U) << "every kind of object that this version makes";
    }
    static void TearDownTestSuite() {
        std::printf("COUNT damage_cases %zu\n", cases_);
        world_.reset();
    }

    static void put(const std::string& name, ByteView bytes) {
        world_->store.plant(*ObjectName::parse(name), bytes);
    }
    static void restore(const std::string& name) {
        const auto good = good_.find(name);
        if (good == good_.end()) {
            ASSERT_TRUE(world_->store.remove(*ObjectName::parse(name), {}));
        } else
            put(name, good->second);
    }

    /// Nothing depends on these: they may be lost without a word.
    static bool may_be_silent(const std::string& name) {
        const auto pack = names::parse_pack(name);
        const bool unneeded = pack && (pack->pack.session == world_->open_session ||
                                       pack->pack.session == world_->fenced_session);
        return unneeded || name.starts_with("hints/");
    }

    /// Whether `findings` say that `name` is not as it should be.
    static bool names_it(const std::vector<CheckFinding>& findings, const std::string& name) {
        return std::any_of(findings.begin(), findings.end(), [&](const CheckFinding& f) {
            return f.object == name || f.text.find(name) != std::string::npos;
        });
    }

    struct Seen {
        bool opened = false;
        Outcome outcome = Outcome::Failed;
        std::vector<CheckFinding> findings;
        std::set<SessionName> hurt;
    };

    /// Opens with the password, or with the recovery key where a slot is what was damaged.
    static Result<std::unique_ptr<Repository>> open(const std::string& what, Seen& seen) {
        auto repository = world_->open(SmallRepository::kPassword);
        if (repository) return repository;
        const Error& error = repository.error();
        EXPECT_NE(error.kind(), ErrorKind::WrongKey) << what << ": " << error.describe();
        seen.findings.push_back({"", "", error.describe(), false, {}, {}, {}, 0, {}});
        return world_->open(world_->recovery_key);
    }

    /// What a check says, and that all it does not call hurt is whole. `gone`: a point that is not
    /// there, of which a check may know no more than that its session was begun.
    static Seen look(const std::string& what, std::optional<SessionName> gone = std::nullopt) {
        ++cases_;
        Seen seen;
        const auto repository = open(what, seen);
        if (!repository) {
            seen.findings.push_back(
                {"", "", repository.error().describe(), false, {}, {}, {}, 0, {}});
            return seen;
        }
        seen.opened = true;
        CheckResult result = world_->check(**repository);
        seen.outcome = result.outcome;
        for (CheckFinding& f : result.findings) {
            seen.hurt.insert(f.points.begin(), f.points.end());
            seen.findings.push_back(std::move(f));
        }
        std::set<SessionName> excused = seen.hurt;
        if (gone) excused.insert(*gone);
        expect_others_whole(**repository, excused, what);
        return seen;
    }

    static void expect_others_whole(const Repository& repository, const std::set<SessionName>& hurt,
                                    const std::string& what) {
        const auto list = repository.list_points({});
        ASSERT_TRUE(list) << what << ": " << list.error().describe();
        std::set<SessionName> listed;
        for (const Point& point : list->points) {
            listed.insert(point.session());
            const auto roots = world_->points.find(point.session());
            ASSERT_NE(roots, world_->points.end()) << what << ": a point out of nowhere";
            if (hurt.contains(point.session())) continue;
            EXPECT_EQ(difference(repository, point, roots->second), "")
                << what << ": point " << short_text(point.session()) << " is not called hurt";
        }
        for (const auto& [session, roots] : world_->points)
            if (!hurt.contains(session)) {
                EXPECT_TRUE(listed.contains(session))
                    << what << ": point " << short_text(session) << " is not listed";
            }
    }

    /// Damages `name` to `bytes`, looks, and puts it right again.
    static void expect_named(const std::string& name, ByteView bytes, const std::string& how) {
        put(name, bytes);
        const std::string what = name + ", " + how;
        const Seen seen = look(what);
        if (!may_be_silent(name)) {
            EXPECT_TRUE(names_it(seen.findings, name)) << what;
        }
        const bool root = name == "perdure" || name == "epochs/00000001";
        EXPECT_TRUE(seen.opened || type_of(name) == "epochs" || root) << what;
        restore(name);
    }

    static void flip(const std::string& name, std::size_t at) {
        Buffer bad = good_[name];
        bad[at] ^= std::byte{0x01};
        expect_named(name, bad, "byte " + std::to_string(at));
    }

    static void flip_many(const std::string& type) {
        bool first = true;
        for (const std::string& name : by_type_[type]) {
            const std::size_t size = good_[name].size();
            const std::size_t step = is_long() || first ? 1 : 16;
            first = false;
            if (size <= kSmall) {
                for (std::size_t at = 0; at < size; at += step) flip(name, at);
                continue;
            }
            for (std::size_t at = 0; at < 400; at += step) flip(name, at);
            for (std::size_t at = size - 24; at < size; ++at) flip(name, at);
            for (std::size_t at = 400; at < size - 24; at += is_long() ? 17 : 211) flip(name, at);
        }
    }

    static std::unique_ptr<SmallRepository> world_;
    static MemoryStore::Contents good_;
    static std::map<std::string, std::vector<std::string>> by_type_;
    static std::size_t cases_;
};

std::unique_ptr<SmallRepository> DamageTest::world_;
MemoryStore::Contents DamageTest::good_;
std::map<std::string, std::vector<std::string>> DamageTest::by_type_;
std::size_t DamageTest::cases_ = 0;

TEST_F(DamageTest, FlippedConfig) { flip_many("perdure"); }
TEST_F(DamageTest, FlippedEpochs) { flip_many("epochs"); }
TEST_F(DamageTest, FlippedKeySlots) { flip_many("keys"); }
TEST_F(DamageTest, FlippedEnrolments) { flip_many("writers"); }
TEST_F(DamageTest, FlippedLogEntries) { flip_many("log"); }
TEST_F(DamageTest, FlippedPoints) { flip_many("points"); }
TEST_F(DamageTest, FlippedIndexes) { flip_many("index"); }
TEST_F(DamageTest, FlippedHints) { flip_many("hints"); }
TEST_F(DamageTest, FlippedFates) { flip_many("fate"); }
TEST_F(DamageTest, FlippedDataPacks) { flip_many("pack-d"); }
TEST_F(DamageTest, FlippedMetadataPacks) { flip_many("pack-m"); }

TEST_F(DamageTest, Truncated) {
    for (const auto& [name, bytes] : good_) {
        std::set<std::size_t> lengths{0, 1, bytes.size() / 2, bytes.size() - 1};
        for (std::size_t at = 1; at < 12; ++at) lengths.insert(bytes.size() * at / 12);
        for (const std::size_t length : lengths)
            expect_named(name, ByteView(bytes).first(length),
                         "cut to " + std::to_string(length) + " bytes");
    }
}

TEST_F(DamageTest, BytesBehindTheEnd) {
    for (const auto& [name, bytes] : good_) {
        Buffer longer = bytes;
        append(longer, as_bytes("more"));
        put(name, longer);
        const Seen seen = look(name + " with bytes behind it");
        EXPECT_TRUE(seen.opened || name.starts_with("epochs/") || name == "perdure");
        restore(name);
    }
}

/// The last of a kind that nothing else speaks of leaves no trace when it goes; only who has seen
/// it knows.
bool leaves_no_trace(const MemoryStore::Contents& good, const std::string& name) {
    if (!name.starts_with("fate/")) return false;
    const auto next = good.upper_bound(name);
    return next == good.end() || next->first.substr(0, 30) != name.substr(0, 30);
}

TEST_F(DamageTest, Deleted) {
    for (const auto& [name, bytes] : good_) {
        ASSERT_TRUE(world_->store.remove(*ObjectName::parse(name), {}));
        const std::string what = name + " deleted";
        const Seen seen = look(what, names::parse_point(name));
        if (name == "perdure") {
            EXPECT_FALSE(seen.opened);
        } else if (!may_be_silent(name) && !leaves_no_trace(good_, name)) {
            EXPECT_TRUE(names_it(seen.findings, name)) << what;
        }
        restore(name);
    }
}

TEST_F(DamageTest, Swapped) {
    for (const auto& [type, names] : by_type_)
        for (std::size_t i = 0; i + 1 < names.size(); ++i) {
            const std::string &a = names[i], &b = names[i + 1];
            put(a, good_[b]);
            put(b, good_[a]);
            const std::string what = a + " and " + b + " swapped";
            const Seen seen = look(what);
            if (type == "epochs") {
                EXPECT_TRUE(names_it(seen.findings, a) || names_it(seen.findings, b)) << what;
            } else {
                EXPECT_TRUE(may_be_silent(a) || names_it(seen.findings, a)) << what;
                EXPECT_TRUE(may_be_silent(b) || names_it(seen.findings, b)) << what;
            }
            restore(a);
            restore(b);
        }
}

/// Names that an attacker would try, of every kind: next numbers, numbers out of nowhere, and names
/// that are none.
std::vector<std::string> hostile_names(const SmallRepository& world) {
    const SessionName next{WriterNumber{1}, SessionNumber{0x40}};
    const SessionName nobody{WriterNumber{0x63}, SessionNumber{1}};
    const SessionName old = world.points.begin()->first;
    std::vector<std::string> names{names::epoch(EpochNumber{5}).text(),
                                   names::epoch(EpochNumber{0x63}).text(),
                                   names::key_slot(id_of<SlotId>(5)).text(),
                                   names::enrolment(WriterNumber{3}).text(),
                                   names::enrolment(WriterNumber{0x63}).text(),
                                   names::fate(old, 3).text(),
                                   names::fate(old, 9).text(),
                                   names::fate(nobody, 1).text(),
                                   "gc/0000000000000001",
                                   "gc/0000000000000001.verdict",
                                   "closed/00000001/0000000000000009",
                                   "merged/0000000000000001",
                                   "ledger/x",
                                   "imports/x",
                                   "parity/x",
                                   "aside/x",
                                   "perdure.old",
                                   "unknown/object",
                                   "points/readme",
                                   "packs/std/d/00/x"};
    for (const SessionName s : {next, nobody})
        for (const ObjectName& name :
             {names::log_entry(s), names::point(s), names::index(s), names::hints(s)})
            names.push_back(name.text());
    for (const SessionName s : {next, nobody, old})
        for (const PackKind kind : {PackKind::Data, PackKind::Metadata})
            names.push_back(names::pack("std", kind, s, id_of<PackId>(6)).text());
    return names;
}

TEST_F(DamageTest, HostileExtraObjects) {
    const SmallRepository stranger;
    const auto theirs = stranger.store.contents();
    for (const std::string& name : hostile_names(*world_)) {
        std::vector<std::pair<std::string, Buffer>> objects{
            {"empty", {}}, {"rubbish", to_buffer(as_bytes(noise(1, 300)))}};
        const auto same_type = by_type_.find(type_of(name));
        if (same_type != by_type_.end())
            objects.emplace_back("a renamed object", good_[same_type->second.front()]);
        for (const auto& [other, bytes] : theirs)
            if (type_of(other) == type_of(name)) {
                objects.emplace_back("another repository's object", bytes);
                break;
            }
        for (const auto& [how, bytes] : objects) {
            put(name, bytes);
            const std::string what = "extra " + name + ", " + how;
            const Seen seen = look(what);
            ASSERT_TRUE(seen.opened) << what << ": " << seen.findings.front().text;
            EXPECT_TRUE(seen.hurt.empty()) << what;
            EXPECT_NE(seen.outcome, Outcome::Failed) << what;
            const bool numbered_later = name == names::epoch(EpochNumber{0x63}).text() ||
                                        name == names::enrolment(WriterNumber{0x63}).text();
            EXPECT_TRUE(names_it(seen.findings, name) || may_be_silent(name) ||
                        (numbered_later && !seen.findings.empty()))
                << what;
            restore(name);
        }
    }
}

TEST_F(DamageTest, TheOtherSlotAndTheRecoveryKeyOpenWhenOneSlotIsDamaged) {
    for (const std::string& name : by_type_["keys"]) {
        put(name, as_bytes("rubbish"));
        int opened = 0;
        for (const std::string& key :
             {std::string(SmallRepository::kPassword), std::string(SmallRepository::kOtherPassword),
              world_->recovery_key}) {
            const auto repository = world_->open(key);
            if (repository) ++opened;
            if (!repository) {
                EXPECT_EQ(repository.error().kind(), ErrorKind::Corrupt);
                EXPECT_NE(repository.error().describe().find(name), std::string::npos);
            }
        }
        EXPECT_EQ(opened, 2) << name;
        restore(name);
    }
}

TEST_F(DamageTest, PathsOfDamagedBlocksAreNamed) {
    auto repository = world_->open(SmallRepository::kPassword);
    ASSERT_TRUE(repository);
    std::size_t named = 0;
    for (const std::string& name : by_type_["pack-d"]) {
        if (may_be_silent(name)) continue;
        Buffer bad = good_[name];
        for (std::size_t at = 300; at + 100 < bad.size(); at += 64) bad[at] ^= std::byte{1};
        put(name, bad);
        const CheckResult result = world_->check(**repository);
        EXPECT_EQ(result.outcome, Outcome::Failed);
        for (const CheckFinding& f : result.findings) {
            if (f.points.empty()) continue;
            EXPECT_FALSE(f.blocks.empty());
            EXPECT_FALSE(f.paths.empty()) << f.object;
            named += f.paths.size();
        }
        restore(name);
    }
    EXPECT_GT(named, 5U);
}

TEST_F(DamageTest, AWriterNoticesDamageItCannotRead) {
    // Without the owner's keys a check compares checksums: every flip in a pack is still seen.
    Credentials credentials;
    credentials.writer = world_->one;
    for (const std::string type : {"pack-d", "pack-m"})
        for (const std::string& name : by_type_[type]) {
            if (may_be_silent(name)) continue;
            const std::size_t size = good_[name].size();
            for (std::size_t at = 0; at < size; at += std::max<std::size_t>(1, size / 12)) {
                Buffer bad = good_[name];
                bad[at] ^= std::byte{0x80};
                put(name, bad);
                ++cases_;
                auto repository = Repository::open(world_->store, credentials, world_->clock,
                                                   system_random(), {});
                ASSERT_TRUE(repository);
                EXPECT_TRUE(names_it(world_->check(**repository, CheckLevel::Aead).findings, name))
                    << name << " byte " << at;
            }
            restore(name);
        }
}

}  // namespace
}  // namespace perdure
