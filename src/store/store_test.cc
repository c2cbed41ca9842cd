#include "store/store.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "store/counting_store.h"
#include "store/fault_store.h"
#include "store/memory_store.h"

namespace perdure {
namespace {

ObjectName name(std::string_view text) { return ObjectName::parse(text).value(); }

std::vector<std::string> names_in(Store& store, std::string_view prefix = "") {
    std::vector<std::string> names;
    store
        .list(prefix,
              [&](std::string_view found, const ObjectStat&) {
                  names.emplace_back(found);
                  return true;
              },
              {})
        .value();
    return names;
}

TEST(ObjectName, AcceptsOneToEightParts) {
    EXPECT_TRUE(ObjectName::parse("perdure"));
    EXPECT_TRUE(ObjectName::parse("1/2/3/4/5/6/7/8"));
    EXPECT_TRUE(ObjectName::parse("gc/0000000000000001.verdict"));
    EXPECT_TRUE(ObjectName::parse("a_b-c.d/..."));
    EXPECT_TRUE(ObjectName::parse(std::string(120, 'x')));
    EXPECT_EQ(name("packs/default/d").text(), "packs/default/d");
}

TEST(ObjectName, RefusesEverythingElse) {
    for (const std::string& text :
         {std::string(), std::string("/"), std::string("/a"), std::string("a/"),
          std::string("a//b"), std::string("."), std::string(".."), std::string("a/.."),
          std::string("a/./b"), std::string("A"), std::string("a b"), std::string("a\n"),
          std::string("a\0b", 3), std::string("\xc3\xa4"), std::string(121, 'x'),
          std::string("1/2/3/4/5/6/7/8/9")}) {
        const auto parsed = ObjectName::parse(text);
        ASSERT_FALSE(parsed) << text;
        EXPECT_EQ(parsed.error().kind(), ErrorKind::InvalidInput);
    }
}

TEST(MemoryStore, PlantReplacesAndContentsShowsIt) {
    MemoryStore store;
    store.create(name("a"), as_bytes("good"), {}).value();
    store.plant(name("a"), as_bytes("evil bytes"));
    store.plant(name("b"), as_bytes("new"));
    const auto contents = store.contents();
    ASSERT_EQ(contents.size(), 2u);
    EXPECT_EQ(as_text(contents.at("a")), "evil bytes");
    EXPECT_EQ(store.stat(name("a"), {}).value().size, 10u);
}

TEST(MemoryStore, RemovingGivesSpaceBack) {
    MemoryStore store(4);
    store.create(name("a"), as_bytes("1234"), {}).value();
    EXPECT_EQ(store.create(name("b"), as_bytes("1"), {}).error().kind(), ErrorKind::NoSpace);
    store.remove(name("a"), {}).value();
    EXPECT_TRUE(store.create(name("b"), as_bytes("1234"), {}));
}

TEST(CountingStore, CountsRequestsAndBytesPerVerb) {
    MemoryStore memory;
    CountingStore store(memory);
    store.create(name("a"), as_bytes("12345"), {}).value();
    EXPECT_FALSE(store.create(name("a"), as_bytes("1"), {}));
    store.load(name("a"), {1, 3}, {}).value();
    EXPECT_FALSE(store.load(name("b"), ByteRange::all(), {}));
    store.stat(name("a"), {}).value();
    names_in(store);
    store.remove(name("a"), {}).value();
    const auto counts = store.counts();
    EXPECT_EQ(counts.create, (VerbCount{2, 6}));
    EXPECT_EQ(counts.load, (VerbCount{2, 3}));
    EXPECT_EQ(counts.stat, (VerbCount{1, 0}));
    EXPECT_EQ(counts.list, (VerbCount{1, 0}));
    EXPECT_EQ(counts.listed, 1u);
    EXPECT_EQ(counts.remove, (VerbCount{1, 0}));
    EXPECT_EQ(counts.requests(), 7u);
    store.reset();
    EXPECT_EQ(store.counts(), StoreCounts{});
}

TEST(FaultStore, FailBeforeDoesNothing) {
    MemoryStore memory;
    FaultStore store(memory);
    store.add({.fault = {FaultKind::FailBefore, ErrorKind::Timeout}, .verb = StoreVerb::Create});
    EXPECT_EQ(store.create(name("a"), as_bytes("x"), {}).error().kind(), ErrorKind::Timeout);
    EXPECT_TRUE(memory.contents().empty());
    EXPECT_EQ(store.faults(), 1u);
}

TEST(FaultStore, LostAnswerHappenedAllTheSame) {
    MemoryStore memory;
    FaultStore store(memory);
    store.add({.fault = {FaultKind::LoseAnswer, ErrorKind::Timeout}, .times = 1});
    EXPECT_EQ(store.create(name("a"), as_bytes("x"), {}).error().kind(), ErrorKind::Timeout);
    EXPECT_EQ(as_text(store.load(name("a"), ByteRange::all(), {}).value()), "x");
}

TEST(FaultStore, OwnExistsAnswersAlreadyExistsForItsOwnSuccess) {
    MemoryStore memory;
    FaultStore store(memory);
    store.add({.fault = {FaultKind::OwnExists}});
    EXPECT_EQ(store.create(name("a"), as_bytes("x"), {}).error().kind(), ErrorKind::AlreadyExists);
    EXPECT_EQ(as_text(memory.contents().at("a")), "x");
}

TEST(FaultStore, CorruptBytesFlipsOneBitOfTheAnswerOnly) {
    MemoryStore memory;
    FaultStore store(memory);
    store.create(name("a"), as_bytes("abcdefgh"), {}).value();
    store.add({.fault = {FaultKind::CorruptBytes}});
    const auto bytes = store.load(name("a"), ByteRange::all(), {}).value();
    int flipped = 0;
    for (std::size_t i = 0; i < bytes.size(); ++i)
        flipped +=
            __builtin_popcount(std::to_integer<unsigned>(bytes[i] ^ as_bytes("abcdefgh")[i]));
    EXPECT_EQ(flipped, 1);
    EXPECT_EQ(as_text(memory.contents().at("a")), "abcdefgh");
}

TEST(FaultStore, OmittedNamesAreMissingFromTheListingOnly) {
    MemoryStore memory;
    FaultStore store(memory);
    for (const auto* text : {"a/1", "a/2", "b/1"}) store.create(name(text), {}, {}).value();
    store.add({.fault = {FaultKind::OmitName}, .prefix = "a/", .skip = 1, .times = 1});
    EXPECT_EQ(names_in(store), (std::vector<std::string>{"a/1", "b/1"}));
    EXPECT_EQ(names_in(store), (std::vector<std::string>{"a/1", "a/2", "b/1"}));
}

TEST(FaultStore, RulesMatchVerbPrefixAndTurn) {
    MemoryStore memory;
    FaultStore store(memory);
    store.add({.fault = {FaultKind::FailBefore, ErrorKind::Io},
               .verb = StoreVerb::Create,
               .prefix = "points/",
               .skip = 1,
               .times = 2});
    EXPECT_TRUE(store.create(name("packs/1"), {}, {}));
    EXPECT_TRUE(store.create(name("points/1"), {}, {}));
    EXPECT_FALSE(store.create(name("points/2"), {}, {}));
    EXPECT_TRUE(store.stat(name("points/1"), {}));
    EXPECT_FALSE(store.create(name("points/3"), {}, {}));
    EXPECT_TRUE(store.create(name("points/4"), {}, {}));
    EXPECT_EQ(store.calls(), 6u);
    store.clear();
    EXPECT_TRUE(store.create(name("points/5"), {}, {}));
}

TEST(FaultStore, SameSeedGivesTheSameFaults) {
    const auto run = [](std::uint64_t seed) {
        MemoryStore memory;
        FaultStore store(memory, seed);
        store.add({.fault = {FaultKind::FailBefore}, .per_mille = 300});
        std::string outcome;
        for (int i = 0; i < 200; ++i) outcome += store.remove(name("a"), {}) ? '.' : 'x';
        return outcome;
    };
    EXPECT_EQ(run(7), run(7));
    EXPECT_NE(run(7), run(8));
}

TEST(FaultStore, DelaysAreCountedNotWaited) {
    MemoryStore memory;
    FaultStore store(memory);
    store.add({.fault = {.kind = FaultKind::Delay, .ticks = 1'000'000'000'000}, .times = 2});
    for (int i = 0; i < 3; ++i) store.remove(name("a"), {}).value();
    EXPECT_EQ(store.delayed_ticks(), 2'000'000'000'000u);
}

}  // namespace
}  // namespace perdure
