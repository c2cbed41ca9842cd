#include "app/credentials.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>

#include "base/fd.h"
#include "base/try.h"

namespace perdure {

namespace {

constexpr std::size_t kMaxPassword = 64U << 10;

std::string first_line(std::string text) {
    const auto end = text.find('\n');
    if (end != std::string::npos) text.resize(end);
    if (text.ends_with('\r')) text.pop_back();
    return text;
}

Result<std::string> read_some(int fd, const std::string& what) {
    std::string text;
    char part[4096];
    while (text.size() < kMaxPassword) {
        const ssize_t got = ::read(fd, part, sizeof part);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return system_error(errno, what);
        if (got == 0) break;
        text.append(part, static_cast<std::size_t>(got));
    }
    wipe({reinterpret_cast<std::byte*>(part), sizeof part});
    return text;
}

Result<Passphrase> from_file(const std::string& path) {
    const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd) return system_error(errno, "opening the password file " + path);
    return parse_password(PERDURE_TRY(read_some(fd.get(), "reading the password file " + path)),
                          "in " + path);
}

Result<Passphrase> from_command(const std::string& command) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return system_error(errno, "running the password command");
    Fd reading(ends[0]);
    Fd writing(ends[1]);
    const pid_t child = ::fork();
    if (child < 0) return system_error(errno, "running the password command");
    if (child == 0) {
        ::dup2(writing.get(), STDOUT_FILENO);
        ::execl("/bin/sh", "sh", "-c", command.c_str(), static_cast<char*>(nullptr));
        ::_exit(127);
    }
    writing.reset();
    auto text = read_some(reading.get(), "reading from the password command");
    int status = 0;
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        return Error(
            ErrorKind::InvalidInput,
            "the password command failed (exit status " +
                std::to_string(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status)) +
                ")");
    return parse_password(PERDURE_TRY(std::move(text)), "that the password command printed");
}

/// Reads a line from the terminal with echo off.
Result<Passphrase> from_terminal(int terminal, const std::string& prompt) {
    termios before{};
    if (::tcgetattr(terminal, &before) != 0) return system_error(errno, "asking for the password");
    termios silent = before;
    silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    ::dprintf(terminal, "%s: ", prompt.c_str());
    ::tcsetattr(terminal, TCSAFLUSH, &silent);
    std::string text;
    char c = 0;
    ssize_t got = 0;
    while ((got = ::read(terminal, &c, 1)) == 1 && c != '\n' && text.size() < kMaxPassword)
        text.push_back(c);
    ::tcsetattr(terminal, TCSAFLUSH, &before);
    ::dprintf(terminal, "\n");
    if (got < 0) return system_error(errno, "asking for the password");
    return parse_password(std::move(text), "that was typed");
}

}  // namespace

Result<Passphrase> parse_password(std::string text, const std::string& from) {
    text = first_line(std::move(text));
    if (text.empty()) return Error(ErrorKind::InvalidInput, "the password " + from + " is empty");
    return Passphrase(std::move(text));
}

bool has_password(const PasswordSource& source) {
    return !source.file.empty() || !source.command.empty() ||
           (source.read_environment && std::getenv(source.environment.c_str()) != nullptr);
}

bool can_ask() { return static_cast<bool>(Fd(::open("/dev/tty", O_RDWR | O_CLOEXEC))); }

Result<Passphrase> read_password(const PasswordSource& source, const std::string& prompt,
                                 bool confirm) {
    if (!source.file.empty()) return from_file(source.file);
    if (!source.command.empty()) return from_command(source.command);
    if (source.read_environment)
        if (const char* value = std::getenv(source.environment.c_str()))
            return parse_password(value, "in " + source.environment);
    const Fd terminal(::open("/dev/tty", O_RDWR | O_CLOEXEC));
    if (!terminal)
        return Error(ErrorKind::Denied,
                     "no password given, and no terminal to ask for the " + prompt)
            .with_hint("use " + source.option + "-file or " + source.option + "-command" +
                       (source.read_environment ? ", " + source.environment + "_FILE or " +
                                                      source.environment + "_COMMAND"
                                                : ""));
    Passphrase first = PERDURE_TRY(from_terminal(terminal.get(), prompt));
    if (confirm) {
        const Passphrase second = PERDURE_TRY(from_terminal(terminal.get(), prompt + ", again"));
        if (as_text(first.reveal()) != as_text(second.reveal()))
            return Error(ErrorKind::InvalidInput, "the two passwords differ");
    }
    return first;
}

}  // namespace perdure
