// Part of store_contract.h: one thread, one process; and a store that is full.
#pragma once

#include "contract/store_contract_fixture.h"

namespace perdure {

TEST_P(StoreContract, G1WholeObjectsOfEverySizeComeBack) {
    for (const std::size_t size : {0u, 1u, 4095u, 4096u, 4097u, 65536u, (1u << 20) - 1, 1u << 20,
                                   (1u << 20) + 1, (2u << 20) + 4097}) {
        const auto name = "sizes/" + std::to_string(size);
        const auto bytes = noise(size, size);
        ASSERT_TRUE(create(name, bytes));
        const auto loaded = load(name);
        ASSERT_TRUE(loaded) << loaded.error().describe();
        EXPECT_TRUE(equal(*loaded, bytes)) << size;
    }
}

TEST_P(StoreContract, G1ACreateThatWasToldToStopLeavesNothing) {
    std::stop_source stop;
    stop.request_stop();
    const auto created = store().create(object("a"), as_bytes("x"), stop.get_token());
    EXPECT_EQ(kind_of(created), ErrorKind::Cancelled);
    EXPECT_EQ(kind_of(load("a")), ErrorKind::NotFound);
    EXPECT_TRUE(list().empty());
}

TEST_P(StoreContract, G2ASecondCreateAnswersAlreadyExistsAndChangesNothing) {
    ASSERT_TRUE(create("a/b", "first"));
    EXPECT_EQ(kind_of(create("a/b", "second, longer")), ErrorKind::AlreadyExists);
    EXPECT_EQ(kind_of(create("a/b", "first")), ErrorKind::AlreadyExists);
    EXPECT_EQ(kind_of(create("a/b", "")), ErrorKind::AlreadyExists);
    EXPECT_EQ(as_text(load("a/b").value()), "first");
    EXPECT_EQ(list(), std::vector<std::string>{"a/b"});
}

TEST_P(StoreContract, G2EmptyObjectsExistToo) {
    ASSERT_TRUE(create("a", ""));
    EXPECT_EQ(kind_of(create("a", "x")), ErrorKind::AlreadyExists);
    EXPECT_EQ(load("a").value().size(), 0u);
}

TEST_P(StoreContract, G4LoadStatAndListSeeWhatWasCreated) {
    ASSERT_TRUE(create("points/0001/0002", "twelve bytes"));
    EXPECT_EQ(as_text(load("points/0001/0002").value()), "twelve bytes");
    EXPECT_EQ(store().stat(object("points/0001/0002"), {}).value().size, 12u);
    std::uint64_t listed_size = 0;
    ASSERT_TRUE(store().list("points/",
                             [&](std::string_view, const ObjectStat& stat) {
                                 listed_size = stat.size;
                                 return true;
                             },
                             {}));
    EXPECT_EQ(listed_size, 12u);
}

TEST_P(StoreContract, G4MissingObjectsAreNotFound) {
    ASSERT_TRUE(create("a/b", "x"));
    for (const auto* name : {"c", "a", "a/c", "a/bb", "c/d/e"}) {
        EXPECT_EQ(kind_of(load(name)), ErrorKind::NotFound) << name;
        EXPECT_EQ(kind_of(store().stat(object(name), {})), ErrorKind::NotFound) << name;
    }
}

TEST_P(StoreContract, G5WhoReadsBackKnowsWhetherItIsTheirs) {
    ASSERT_TRUE(create("log/1", "mine"));
    EXPECT_EQ(kind_of(create("log/1", "mine")), ErrorKind::AlreadyExists);
    EXPECT_TRUE(equal(load("log/1").value(), as_bytes("mine")));
}

TEST_P(StoreContract, G6RemovingWhatIsMissingSucceeds) {
    EXPECT_TRUE(store().remove(object("a"), {}));
    EXPECT_TRUE(store().remove(object("a/b/c"), {}));
    ASSERT_TRUE(create("a/b", "x"));
    EXPECT_TRUE(store().remove(object("a"), {}));
    EXPECT_TRUE(load("a/b"));
}

TEST_P(StoreContract, G6ARemovedNameIsFreeAgain) {
    ASSERT_TRUE(create("a/b", "first"));
    ASSERT_TRUE(store().remove(object("a/b"), {}));
    EXPECT_EQ(kind_of(load("a/b")), ErrorKind::NotFound);
    EXPECT_EQ(kind_of(store().stat(object("a/b"), {})), ErrorKind::NotFound);
    EXPECT_TRUE(list().empty());
    ASSERT_TRUE(create("a/b", "second"));
    EXPECT_EQ(as_text(load("a/b").value()), "second");
}

TEST_P(StoreContract, G7ListsEveryNameInOrderOfBytes) {
    // '-' and '.' sort before '/', digits and letters after it.
    std::vector<std::string> names{"a-b",
                                   "a.b",
                                   "a/b",
                                   "a/b0",
                                   "a0",
                                   "a/b-/c",
                                   "a/b./c",
                                   "b/a/c/d",
                                   "b/a/c0",
                                   "perdure",
                                   "a/c/d/e/f/g/h/i",
                                   "_",
                                   "0/0",
                                   "z"};
    for (const auto& name : names) ASSERT_TRUE(create(name, name)) << name;
    std::sort(names.begin(), names.end());
    EXPECT_EQ(list(), names);
}

TEST_P(StoreContract, G7PrefixesAreAnyText) {
    for (const auto* name : {"points/01/1", "points/01/2", "points/02/1", "points-x", "log/01/1"})
        ASSERT_TRUE(create(name, "x"));
    using Names = std::vector<std::string>;
    EXPECT_EQ(list("points/"), (Names{"points/01/1", "points/01/2", "points/02/1"}));
    EXPECT_EQ(list("points/01"), (Names{"points/01/1", "points/01/2"}));
    EXPECT_EQ(list("points/0"), (Names{"points/01/1", "points/01/2", "points/02/1"}));
    EXPECT_EQ(list("points"), (Names{"points-x", "points/01/1", "points/01/2", "points/02/1"}));
    EXPECT_EQ(list("points/01/2"), Names{"points/01/2"});
    EXPECT_EQ(list("points/01/2/"), Names{});
    EXPECT_EQ(list("q"), Names{});
    EXPECT_EQ(list("../"), Names{});
}

TEST_P(StoreContract, G7TheCallerMayEndAListing) {
    for (int i = 0; i < 10; ++i) ASSERT_TRUE(create("a/" + std::to_string(i), "x"));
    int seen = 0;
    ASSERT_TRUE(store().list("", [&](auto, const auto&) { return ++seen < 4; }, {}));
    EXPECT_EQ(seen, 4);
}

TEST_P(StoreContract, G7TheCallerMayCallTheStoreFromAListing) {
    for (int i = 0; i < 5; ++i) ASSERT_TRUE(create("a/" + std::to_string(i), "x"));
    ASSERT_TRUE(store().list("a/",
                             [&](std::string_view name, const ObjectStat&) {
                                 return store().remove(object(name), {}).has_value();
                             },
                             {}));
    EXPECT_TRUE(list().empty());
}

TEST_P(StoreContract, G10RangesGiveExactlyTheBytesAskedFor) {
    const auto bytes = noise(100'000, 1);
    ASSERT_TRUE(create("a", bytes));
    for (const auto& [offset, length] : {std::pair{0u, 100'000u},
                                         {0u, 0u},
                                         {0u, 1u},
                                         {99'999u, 1u},
                                         {4095u, 2u},
                                         {100'000u, 0u}}) {
        const auto part = load("a", {offset, length});
        ASSERT_TRUE(part) << part.error().describe();
        EXPECT_TRUE(equal(*part, ByteView(bytes).subspan(offset, length)));
    }
    const auto tail = load("a", {.offset = 70'000});
    ASSERT_TRUE(tail);
    EXPECT_TRUE(equal(*tail, ByteView(bytes).subspan(70'000)));
    EXPECT_EQ(load("a", {.offset = 100'000}).value().size(), 0u);
}

TEST_P(StoreContract, G10ARangePastTheEndIsCorrupt) {
    ASSERT_TRUE(create("a", "0123456789"));
    for (const ByteRange range : {ByteRange{0, 11},
                                  {10, 1},
                                  {11, 0},
                                  {11},
                                  {5, 6},
                                  {1ull << 40, 1},
                                  {1, ByteRange::kToEnd - 1},
                                  {~0ull, 1}})
        EXPECT_EQ(kind_of(load("a", range)), ErrorKind::Corrupt)
            << range.offset << "+" << range.length;
    EXPECT_EQ(kind_of(load("b", {0, 1})), ErrorKind::NotFound);
}

TEST_P(StoreContract, PutBackTakesThePlaceOfWhatLiesThereOrNothing) {
    ASSERT_TRUE(create("a/1", "damaged, and longer"));
    ASSERT_TRUE(store().put_back(object("a/1"), as_bytes("good"), {}));
    EXPECT_EQ(as_text(load("a/1").value()), "good");
    ASSERT_TRUE(store().put_back(object("a/2"), as_bytes("was missing"), {}));
    EXPECT_EQ(as_text(load("a/2").value()), "was missing");
    EXPECT_EQ(list("a/"), (std::vector<std::string>{"a/1", "a/2"}));
    EXPECT_EQ(kind_of(create("a/1", "other")), ErrorKind::AlreadyExists);
}

TEST_P(StoreContract, EveryCallStopsWhenToldTo) {
    ASSERT_TRUE(create("a", "x"));
    std::stop_source source;
    source.request_stop();
    const auto stop = source.get_token();
    EXPECT_EQ(kind_of(store().load(object("a"), {}, stop)), ErrorKind::Cancelled);
    EXPECT_EQ(kind_of(store().stat(object("a"), stop)), ErrorKind::Cancelled);
    EXPECT_EQ(kind_of(store().list(
                  "", [](auto, const auto&) { return true; }, stop)),
              ErrorKind::Cancelled);
    EXPECT_EQ(kind_of(store().remove(object("a"), stop)), ErrorKind::Cancelled);
    EXPECT_TRUE(load("a"));
}

TEST_P(StoreContractFull, G9AFullStoreRefusesCreateAndStillDoesEverythingElse) {
    ASSERT_TRUE(create("a/1", "kept"));
    ASSERT_TRUE(create("a/2", noise(512u << 10, 1)));
    under_test().fill();
    const auto before = list("a/");
    EXPECT_EQ(kind_of(create("a/3", noise(512u << 10, 2))), ErrorKind::NoSpace);
    EXPECT_EQ(kind_of(load("a/3")), ErrorKind::NotFound);
    EXPECT_EQ(list("a/"), before);
    EXPECT_EQ(as_text(load("a/1").value()), "kept");
    EXPECT_EQ(store().stat(object("a/2"), {}).value().size, 512u << 10);
    EXPECT_TRUE(store().remove(object("a/2"), {}));
    EXPECT_EQ(list("a/"), std::vector<std::string>{"a/1"});
}

}  // namespace perdure
