// The machine as the credential chain sees it.
#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>

#include "base/fd.h"
#include "base/try.h"
#include "net/aws_credentials.h"

namespace perdure {

namespace {

constexpr std::size_t kMostText = 1U << 20;
constexpr std::uint64_t kCommandTakesMs = 60'000;

Result<std::string> read_file(const std::string& path) {
    const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd) return system_error(errno, "reading " + path);
    std::string text;
    char part[4096];
    while (text.size() < kMostText) {
        const ssize_t got = ::read(fd.get(), part, sizeof part);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return system_error(errno, "reading " + path);
        if (got == 0) break;
        text.append(part, static_cast<std::size_t>(got));
    }
    return text;
}

/// What can be read until the end of the stream; Timeout after kCommandTakesMs.
Result<std::string> read_in_time(int fd) {
    const auto now_ms = [] { return system_clock().monotonic_nanoseconds() / 1'000'000; };
    const std::uint64_t deadline = now_ms() + kCommandTakesMs;
    std::string text;
    char part[4096];
    while (text.size() < kMostText) {
        const std::uint64_t now = now_ms();
        pollfd waiting{fd, POLLIN, 0};
        const int ready =
            now < deadline ? ::poll(&waiting, 1, static_cast<int>(deadline - now)) : 0;
        if (ready < 0 && errno == EINTR) continue;
        if (ready <= 0) return Error(ErrorKind::Timeout, "it did not end within a minute");
        const ssize_t got = ::read(fd, part, sizeof part);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return system_error(errno, "reading what it prints");
        if (got == 0) break;
        text.append(part, static_cast<std::size_t>(got));
    }
    return text;
}

Result<std::string> run(const std::string& command) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return system_error(errno, "starting it");
    const Fd reading(ends[0]);
    Fd writing(ends[1]);
    const pid_t child = ::fork();
    if (child < 0) return system_error(errno, "starting it");
    if (child == 0) {
        ::setpgid(0, 0);
        ::dup2(writing.get(), STDOUT_FILENO);
        ::execl("/bin/sh", "sh", "-c", command.c_str(), static_cast<char*>(nullptr));
        ::_exit(127);
    }
    ::setpgid(child, child);
    writing.reset();
    auto text = read_in_time(reading.get());
    if (!text) ::kill(-child, SIGKILL);
    int status = 0;
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    if (text && (!WIFEXITED(status) || WEXITSTATUS(status) != 0))
        return Error(ErrorKind::Denied, "it failed")
            .with_hint("run it by hand to see why: it prints to standard error");
    return text;
}

}  // namespace

AwsEnvironment aws_environment() {
    AwsEnvironment environment;
    environment.variable = [](const std::string& name) -> std::optional<std::string> {
        const char* value = std::getenv(name.c_str());
        return value == nullptr ? std::nullopt : std::optional<std::string>(value);
    };
    environment.read_file = &read_file;
    environment.run = &run;
    return environment;
}

}  // namespace perdure
