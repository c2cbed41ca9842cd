// A directory of its own for a test, removed with all below it at the end.
#pragma once

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>

namespace perdure {

class TempDir {
public:
    /// Under `base`, or $TMPDIR, or /tmp. Ends the test program if it cannot be made.
    TempDir() : TempDir(default_base()) {}
    explicit TempDir(const std::string& base) : path_(base + "/perdure-XXXXXX") {
        if (::mkdtemp(path_.data()) == nullptr) {
            std::perror(path_.c_str());
            std::abort();
        }
    }
    TempDir(const TempDir&) = delete;
    TempDir& operator=(const TempDir&) = delete;
    ~TempDir() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }

    /// A base in memory if there is one: for tests that make much or sync, which a disk that others
    /// write to makes slow.
    static std::string memory() {
        std::error_code none;
        return std::filesystem::is_directory("/dev/shm", none) ? "/dev/shm" : default_base();
    }

    const std::string& path() const { return path_; }
    /// The path of `name` inside.
    std::string operator/(std::string_view name) const { return path_ + "/" + std::string(name); }

private:
    static std::string default_base() {
        const char* base = std::getenv("TMPDIR");
        return base != nullptr && *base != '\0' ? base : "/tmp";
    }

    std::string path_;
};

}  // namespace perdure
