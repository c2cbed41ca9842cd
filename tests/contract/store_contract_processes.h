// Part of store_contract.h: processes. Children are forked before any thread is made and leave by
// _exit, so that they share nothing with the test but the storage itself.
#pragma once

#include <sys/wait.h>
#include <unistd.h>
#include <csignal>

#include "contract/store_contract_fixture.h"

namespace perdure {

namespace {

/// The child's exit status is what `work` answers.
pid_t fork_child(const std::function<int()>& work) {
    const pid_t child = ::fork();
    if (child == 0) ::_exit(work());
    return child;
}

int exit_status_of(pid_t child) {
    int status = 0;
    if (::waitpid(child, &status, 0) != child || !WIFEXITED(status)) return -1;
    return WEXITSTATUS(status);
}

}  // namespace

TEST_P(StoreContractProcesses, G2ExactlyOneOfManyProcessesSucceeds) {
    constexpr int kRounds = 20;
    constexpr int kChildren = 3;
    // A child answers how many creates it won. All race through the same names.
    std::vector<pid_t> children;
    for (int c = 0; c < kChildren; ++c)
        children.push_back(fork_child([&, c] {
            const auto mine = under_test().open_again();
            int won = 0;
            for (int i = 0; i < kRounds; ++i) {
                const auto created = mine->create(object("race/" + std::to_string(i)),
                                                  noise(3000, static_cast<std::uint64_t>(c)), {});
                if (created) ++won;
                if (!created && created.error().kind() != ErrorKind::AlreadyExists) return 100;
            }
            return won;
        }));
    int won = 0;
    for (const auto child : children) {
        const int status = exit_status_of(child);
        ASSERT_GE(status, 0);
        won += status;
    }
    EXPECT_EQ(won, kRounds);
    EXPECT_EQ(list().size(), static_cast<std::size_t>(kRounds));
}

TEST_P(StoreContractProcesses, G4AnotherProcessSeesWhatWasCreated) {
    ASSERT_TRUE(create("a/b", "here"));
    const pid_t child = fork_child([&] {
        const auto mine = under_test().open_again();
        const auto bytes = mine->load(object("a/b"), {}, {});
        const bool same = bytes && as_text(*bytes) == "here" && mine->stat(object("a/b"), {});
        return same && mine->create(object("a/c"), as_bytes("there"), {}) ? 0 : 1;
    });
    ASSERT_EQ(exit_status_of(child), 0);
    EXPECT_EQ(as_text(load("a/c").value()), "there");
    EXPECT_EQ(list(), (std::vector<std::string>{"a/b", "a/c"}));
}

TEST_P(StoreContractProcesses, G1AKilledCreateLeavesAWholeObjectOrNone) {
    const auto content = noise(2'000'000, 7);
    for (int round = 0; round < 8; ++round) {
        const auto prefix = "round" + std::to_string(round) + "/";
        int pipe_ends[2];
        ASSERT_EQ(::pipe(pipe_ends), 0);
        const pid_t child = fork_child([&] {
            const auto mine = under_test().open_again();
            for (int i = 0; i < 1000; ++i) {
                const auto name = object(prefix + std::to_string(i));
                const bool created = mine->create(name, content, {}).has_value();
                if (!created || ::write(pipe_ends[1], "x", 1) != 1) return 1;
            }
            return 0;
        });
        // Killed somewhere within the create after this many.
        const int acknowledged = 1 + round % 3;
        char byte = 0;
        for (int i = 0; i < acknowledged; ++i) ASSERT_EQ(::read(pipe_ends[0], &byte, 1), 1);
        ASSERT_EQ(::kill(child, SIGKILL), 0);
        EXPECT_EQ(exit_status_of(child), -1);
        ::close(pipe_ends[0]);
        ::close(pipe_ends[1]);
        const auto names = list(prefix);
        EXPECT_GE(names.size(), static_cast<std::size_t>(acknowledged));
        for (const auto& name : names) EXPECT_TRUE(equal(load(name).value(), content));
    }
}

}  // namespace perdure
