// Runs part of a test as an ordinary user, which the test itself, running as root, is not.
#pragma once

#include <grp.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

namespace perdure {

constexpr uid_t kNobody = 65534;

/// Calls `f` in a child process as nobody:nogroup, or as whoever the test runs as if that is not
/// root. True if it ended in order and without a gtest failure. What it reads must be open to all.
template <class F>
bool succeeds_as_user(F f) {
    const pid_t child = ::fork();
    if (child == 0) {
        if (::geteuid() == 0 &&
            (::setgroups(0, nullptr) != 0 || ::setresgid(kNobody, kNobody, kNobody) != 0 ||
             ::setresuid(kNobody, kNobody, kNobody) != 0))
            ::_exit(2);
        f();
        ::_exit(::testing::Test::HasFailure() ? 1 : 0);
    }
    int status = 0;
    return child > 0 && ::waitpid(child, &status, 0) == child && WIFEXITED(status) &&
           WEXITSTATUS(status) == 0;
}

}  // namespace perdure
