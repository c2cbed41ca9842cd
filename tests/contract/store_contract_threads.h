// Part of store_contract.h: threads. No thread here waits for a time, only for others.
#pragma once

#include "contract/store_contract_fixture.h"

namespace perdure {

namespace {

constexpr int kThreads = 4;

using Work = std::function<void(int)>;

/// Each in a thread of its own, given its number; returns when all are done.
void run_threads(const std::vector<Work>& works) {
    std::vector<std::jthread> threads;
    for (std::size_t i = 0; i < works.size(); ++i)
        threads.emplace_back([&works, i] { works[i](static_cast<int>(i)); });
}

}  // namespace

TEST_P(StoreContractThreads, G2ExactlyOneOfManyCreatesSucceeds) {
    for (int round = 0; round < 25; ++round) {
        const auto name = "race/" + std::to_string(round);
        std::atomic<int> ready = 0, created = 0, existed = 0, winner = -1;
        run_threads(std::vector<Work>(kThreads, [&](int t) {
            const auto bytes = noise(2000, static_cast<std::uint64_t>(t));
            ++ready;
            while (ready < kThreads) std::this_thread::yield();
            const auto result = create(name, bytes);
            if (result) ++created, winner = t;
            if (kind_of(result) == ErrorKind::AlreadyExists) ++existed;
        }));
        ASSERT_EQ(created, 1);
        ASSERT_EQ(existed, kThreads - 1);
        EXPECT_TRUE(
            equal(load(name).value(), noise(2000, static_cast<std::uint64_t>(winner.load()))));
    }
}

TEST_P(StoreContractThreads, G1ReadersSeeWholeObjectsOrNone) {
    constexpr std::size_t kObjects = 12;
    constexpr std::size_t kSize = 1'200'000;
    const auto name_of = [](std::size_t i) { return "big/" + std::to_string(i); };
    std::vector<Buffer> contents;
    for (std::uint64_t i = 0; i < kObjects; ++i) contents.push_back(noise(kSize, i));
    std::atomic<std::size_t> done = 0;
    std::atomic<int> torn = 0;
    const auto write_all = [&](int) {
        for (std::size_t i = 0; i < kObjects; ++i) {
            if (!create(name_of(i), contents[i])) ++torn;
            done = i + 1;
        }
    };
    // Looks at the object that is being made just now, until there is no more.
    const auto read_newest = [&](int) {
        for (std::size_t i = done; i < kObjects; i = done) {
            const auto stat = store().stat(object(name_of(i)), {});
            if (stat && stat->size != kSize) ++torn;
            const auto bytes = load(name_of(i));
            if (bytes && !equal(*bytes, contents[i])) ++torn;
            if (!bytes && bytes.error().kind() != ErrorKind::NotFound) ++torn;
        }
    };
    run_threads({write_all, read_newest});
    EXPECT_EQ(torn, 0);
    EXPECT_EQ(list().size(), kObjects);
}

TEST_P(StoreContractThreads, G7StableObjectsAreListedWhileOthersComeAndGo) {
    std::vector<std::string> stable;
    for (int i = 0; i < 40; ++i) {
        stable.push_back("x/" + std::to_string(100 + i) + "-stable");
        ASSERT_TRUE(create(stable.back(), "x"));
    }
    std::atomic<bool> stop = false;
    const auto churn = [&](int) {
        for (int i = 0; !stop; i = (i + 1) % 40) {
            const auto name = "x/" + std::to_string(100 + i) + "-passing";
            if (!create(name, "y") || !store().remove(object(name), {})) break;
        }
    };
    const auto look = [&](int) {
        for (int round = 0; round < 50; ++round) {
            const auto names = list();
            EXPECT_TRUE(std::is_sorted(names.begin(), names.end()));
            EXPECT_TRUE(std::includes(names.begin(), names.end(), stable.begin(), stable.end()));
        }
        stop = true;
    };
    run_threads({churn, look});
}

TEST_P(StoreContractThreads, G8EveryMethodFromEveryThread) {
    std::atomic<int> wrong = 0;
    run_threads(std::vector<Work>(kThreads, [&](int t) {
        const auto mine = "t" + std::to_string(t) + "/";
        for (int i = 0; i < 25; ++i) {
            const auto name = mine + std::to_string(i);
            if (!create(name, name)) ++wrong;
            if (!store().stat(object(name), {})) ++wrong;
            const auto bytes = load(name);
            if (!bytes || as_text(*bytes) != name) ++wrong;
            if (i % 2 == 1 && !store().remove(object(name), {})) ++wrong;
            if (i % 10 == 0 && list(mine).size() != static_cast<std::size_t>((i + 2) / 2)) ++wrong;
            if (store().properties().description.empty()) ++wrong;
        }
    }));
    EXPECT_EQ(wrong, 0);
    EXPECT_EQ(list().size(), kThreads * 13u);
}

}  // namespace perdure
