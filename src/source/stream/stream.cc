#include "source/stream/stream.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

#include "base/clock.h"
#include "base/fd.h"

namespace perdure {

namespace {

constexpr int kLookForStopMs = 100;

/// Reads front to back; offsets must follow each other.
class StreamFile final : public OpenFile {
public:
    StreamFile(Fd fd, pid_t child, std::string name, std::stop_token stop)
        : fd_(std::move(fd)), child_(child), name_(std::move(name)), stop_(std::move(stop)) {}
    ~StreamFile() override {
        if (child_ > 0) {
            ::kill(child_, SIGTERM);
            ::waitpid(child_, nullptr, 0);
        }
    }

    void read_ahead(std::uint64_t) override {}
    Result<std::size_t> read(std::uint64_t offset, MutableByteView out) override {
        if (offset != at_)
            return Error(ErrorKind::Internal, "a stream is read once, front to back");
        std::size_t got = 0;
        while (got < out.size()) {
            if (auto ready = wait_for_more(); !ready) return std::move(ready).error();
            const ssize_t part = ::read(fd_.get(), out.data() + got, out.size() - got);
            if (part < 0 && errno == EINTR) continue;
            if (part < 0) return system_error(errno, "reading " + name_);
            if (part == 0) break;
            got += static_cast<std::size_t>(part);
        }
        if (stop_.stop_requested()) return interrupted();
        at_ += got;
        if (got < out.size())
            if (auto ended = end_of_command(); !ended) return std::move(ended).error();
        return got;
    }
    Result<std::vector<DataExtent>> data_extents() override { return std::vector<DataExtent>{}; }
    bool may_be_sparse() const override { return false; }
    std::uint64_t size() const override { return 0; }
    Result<bool> changed_since_open() override { return false; }

private:
    static Error interrupted() { return Error(ErrorKind::Cancelled, "interrupted"); }

    /// Until a read would not wait: there is something, or the end, or trouble.
    Result<void> wait_for_more() const {
        while (!stop_.stop_requested()) {
            pollfd waiting{fd_.get(), POLLIN, 0};
            const int ready = ::poll(&waiting, 1, kLookForStopMs);
            if (ready > 0 || (ready < 0 && errno != EINTR)) return {};
        }
        return interrupted();
    }

    Result<void> end_of_command() {
        if (child_ <= 0) return {};
        int status = 0;
        while (::waitpid(child_, &status, 0) < 0 && errno == EINTR) {
        }
        child_ = 0;
        if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
        return Error(
            ErrorKind::Io,
            "the command " + name_ +
                (WIFEXITED(status) ? " ended with status " + std::to_string(WEXITSTATUS(status))
                                   : " was ended by signal " + std::to_string(WTERMSIG(status))));
    }

    Fd fd_;
    pid_t child_;
    std::string name_;
    std::stop_token stop_;
    std::uint64_t at_ = 0;
};

class StreamSource final : public FileSource {
public:
    StreamSource(Fd fd, pid_t child, std::string name, std::stop_token stop)
        : file_(std::make_unique<StreamFile>(std::move(fd), child, std::move(name),
                                             std::move(stop))) {}

    std::unique_ptr<FileWalk> walk() override { return std::make_unique<OneEntry>(); }
    std::variant<std::unique_ptr<OpenFile>, Issue> open(WalkedEntry& walked) override {
        if (!file_) return Issue{IssueKind::Unreadable, walked.entry.path, "a stream is read once"};
        return std::unique_ptr<OpenFile>(std::move(file_));
    }
    std::vector<Issue> read_details(WalkedEntry&, const OpenFile*) override { return {}; }

private:
    class OneEntry final : public FileWalk {
    public:
        std::optional<WalkEvent> next() override {
            if (done_) return std::nullopt;
            done_ = true;
            WalkedEntry walked;
            walked.entry.type = EntryType::File;
            walked.entry.mode = 0600;
            walked.entry.uid = ::geteuid();
            walked.entry.gid = ::getegid();
            walked.entry.mtime_ns = walked.entry.ctime_ns = system_clock().now().nanoseconds;
            return WalkEvent(std::move(walked));
        }
        void skip_subtree() override {}

    private:
        bool done_ = false;
    };

    std::unique_ptr<StreamFile> file_;
};

}  // namespace

Result<std::unique_ptr<FileSource>> open_input_stream(int descriptor, std::stop_token stop) {
    Fd fd(::dup(descriptor));
    if (!fd) return system_error(errno, "opening standard input");
    return std::unique_ptr<FileSource>(
        std::make_unique<StreamSource>(std::move(fd), 0, "standard input", std::move(stop)));
}

Result<std::unique_ptr<FileSource>> open_command_stream(const std::vector<std::string>& words,
                                                        std::stop_token stop) {
    if (words.empty()) return Error(ErrorKind::InvalidInput, "no command given");
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return system_error(errno, "starting " + words.front());
    Fd reading(ends[0]);
    Fd writing(ends[1]);
    std::vector<char*> arguments;
    arguments.reserve(words.size() + 1);
    for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
    arguments.push_back(nullptr);
    const pid_t child = ::fork();
    if (child < 0) return system_error(errno, "starting " + words.front());
    if (child == 0) {
        sigset_t none;
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, nullptr);
        ::dup2(writing.get(), STDOUT_FILENO);
        ::execvp(arguments.front(), arguments.data());
        ::dprintf(STDERR_FILENO, "perdure: cannot run %s\n", arguments.front());
        ::_exit(127);
    }
    return std::unique_ptr<FileSource>(
        std::make_unique<StreamSource>(std::move(reading), child, words.front(), std::move(stop)));
}

}  // namespace perdure
